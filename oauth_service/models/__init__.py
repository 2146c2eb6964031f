"""What the server stores: one noun, one file. Tokens have no rows."""

from .audit_event import AuditEvent
from .authorisation import Facts
from .authorization_code import AuthorizationCode
from .client import Client, ClientRow
from .consent import Consent, Standing
from .grant import Grant
from .revoked_token import RevokedToken

__all__ = [
    "AuditEvent",
    "AuthorizationCode",
    "Client",
    "ClientRow",
    "Consent",
    "Facts",
    "Grant",
    "RevokedToken",
    "Standing",
]
