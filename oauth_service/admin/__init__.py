"""Django's admin: clients and their secrets, connections, signing keys, messages of sign-outs, the audit trail."""

from .audit_trail import AuditEventAdmin
from .clients import ClientAdmin
from .connections import ConsentAdmin, GrantAdmin
from .deliveries import DeliveryAdmin
from .documents import DocumentAdmin
from .signing_keys import SigningKeyAdmin
from .trusted_issuers import TrustedIssuerAdmin

__all__ = [
    "AuditEventAdmin",
    "ClientAdmin",
    "ConsentAdmin",
    "DeliveryAdmin",
    "DocumentAdmin",
    "GrantAdmin",
    "SigningKeyAdmin",
    "TrustedIssuerAdmin",
]
