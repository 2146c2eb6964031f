"""Django's admin: clients, connections, devices that wait, signing keys, messages of sign-outs, the audit trail."""

from .audit_trail import AuditEventAdmin
from .clients import ClientAdmin
from .connections import ConsentAdmin, GrantAdmin
from .deliveries import DeliveryAdmin
from .devices import DeviceCodeAdmin
from .documents import DocumentAdmin
from .resources import ResourceAdmin
from .signing_keys import SigningKeyAdmin
from .trusted_issuers import TrustedIssuerAdmin

__all__ = [
    "AuditEventAdmin",
    "ClientAdmin",
    "ConsentAdmin",
    "DeliveryAdmin",
    "DeviceCodeAdmin",
    "DocumentAdmin",
    "GrantAdmin",
    "ResourceAdmin",
    "SigningKeyAdmin",
    "TrustedIssuerAdmin",
]
