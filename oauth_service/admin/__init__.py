"""Django's admin: register clients, rotate secrets, see and end connections, see signing keys, read the audit trail."""

from .audit_trail import AuditEventAdmin
from .clients import ClientAdmin
from .connections import ConsentAdmin, GrantAdmin
from .documents import DocumentAdmin
from .signing_keys import SigningKeyAdmin

__all__ = ["AuditEventAdmin", "ClientAdmin", "ConsentAdmin", "DocumentAdmin", "GrantAdmin", "SigningKeyAdmin"]
