"""The tables of the server, one per file. Tokens have no rows."""

from .audit_event import AuditEvent
from .authorisation import AuthorisationRow
from .authorization_code import AuthorizationCode
from .client import Client, ClientRow
from .consent import ClientWithConsent, Consent
from .delivery import Delivery
from .device_code import DeviceCode, DeviceCodeRow
from .document import Document
from .grant import Grant, TokenGrant
from .initial_access_token import InitialAccessToken
from .once import Once
from .registration import Registration
from .resource import Resource, ResourceRow
from .revoked_token import RevokedToken
from .session_mark import SessionMark
from .sign_in import SignIn, SignInClient
from .signing_key import SigningKey
from .trusted_issuer import TrustedIssuer

__all__ = [
    "AuditEvent",
    "AuthorisationRow",
    "AuthorizationCode",
    "Client",
    "ClientRow",
    "ClientWithConsent",
    "Consent",
    "Delivery",
    "DeviceCode",
    "DeviceCodeRow",
    "Document",
    "Grant",
    "InitialAccessToken",
    "Once",
    "Registration",
    "Resource",
    "ResourceRow",
    "RevokedToken",
    "SessionMark",
    "SignIn",
    "SignInClient",
    "SigningKey",
    "TokenGrant",
    "TrustedIssuer",
]
