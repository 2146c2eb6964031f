"""What the server stores: one noun, one file. Tokens have no rows."""

from .authorization_code import AuthorizationCode
from .client import Client
from .consent import Consent
from .grant import Grant
from .revoked_token import RevokedToken

__all__ = ["AuthorizationCode", "Client", "Consent", "Grant", "RevokedToken"]
