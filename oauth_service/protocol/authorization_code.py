"""Redeeming an authorization code (RFC 6749 section 4.1.3)."""

from typing import Protocol

from . import pkce
from .errors import InvalidGrant
from .parameters import Parameters


class Issued(Protocol):
    """The request that a code was issued for; the grant made from the code keeps it, to tell a replay from a guess."""

    @property
    def client_pk(self) -> int: ...
    @property
    def redirect_uri(self) -> str: ...
    @property
    def code_challenge(self) -> str: ...


def check_possession(issued: Issued, parameters: Parameters, *, client_pk: int) -> None:
    """
    Check a token request against the authorization request that its code came from.

    Args:
        issued: redirect_uri and code_challenge are "" if the authorization request had none.
        parameters: redirect_uri must be identical if the authorization request had one; a client that uses PKCE
            may leave it out, as OAuth 2.1 clients do (draft-ietf-oauth-v2-1 section 10.2).
        client_pk: primary key of the authenticated client.

    Raises:
        InvalidGrant: another client's code, another redirect_uri, or the wrong code_verifier.
        InvalidRequest: a parameter is repeated.
    """
    if issued.client_pk != client_pk:
        raise InvalidGrant("the code is not valid", detail="the code was issued to another client")
    sent = parameters.get("redirect_uri")
    if sent != issued.redirect_uri and (sent or not issued.code_challenge):
        raise InvalidGrant(
            "redirect_uri is not the one of the authorization request",
            detail="redirect_uri is missing" if not sent else "redirect_uri differs from the authorization request's",
        )
    pkce.check(parameters.get("code_verifier"), issued.code_challenge)
