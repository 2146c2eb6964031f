"""Pages in Django's admin: clients, registrations, connections, waiting devices, keys, sign-out messages and the audit trail."""

from .audit_trail import AuditEventAdmin
from .clients import ClientAdmin
from .connections import ConsentAdmin, GrantAdmin
from .deliveries import DeliveryAdmin
from .devices import DeviceCodeAdmin
from .documents import DocumentAdmin
from .initial_access_tokens import InitialAccessTokenAdmin
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
    "InitialAccessTokenAdmin",
    "ResourceAdmin",
    "SigningKeyAdmin",
    "TrustedIssuerAdmin",
]
