"""Django's admin: register clients, rotate secrets, see and end connections, read the audit trail."""

from .audit_trail import AuditEventAdmin
from .clients import ClientAdmin
from .connections import ConsentAdmin, GrantAdmin

__all__ = ["AuditEventAdmin", "ClientAdmin", "ConsentAdmin", "GrantAdmin"]
