"""What the server stores: one noun, one file. Tokens have no rows."""

from .audit_event import AuditEvent
from .authorisation import AuthorisationRow
from .authorization_code import AuthorizationCode
from .client import Client, ClientRow
from .consent import ClientWithConsent, Consent
from .grant import Grant
from .revoked_token import RevokedToken

__all__ = [
    "AuditEvent",
    "AuthorisationRow",
    "AuthorizationCode",
    "Client",
    "ClientRow",
    "ClientWithConsent",
    "Consent",
    "Grant",
    "RevokedToken",
]
