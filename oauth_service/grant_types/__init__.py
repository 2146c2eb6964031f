"""The ways to get tokens (RFC 6749 section 1.3): the one table."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from ..models import Client
from ..protocol.parameters import Parameters
from ..protocol.token_response import TokenResponse
from . import authorization_code, refresh_token


class Exchange(Protocol):
    """Hold a token request of an authenticated client against the rules of its grant type, and answer it."""

    def __call__(self, parameters: Parameters, client: Client, *, now: datetime) -> TokenResponse: ...


GRANT_TYPES: Mapping[str, Exchange] = {
    "authorization_code": authorization_code.exchange,
    "refresh_token": refresh_token.exchange,
}
