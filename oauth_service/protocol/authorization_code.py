"""Who may redeem an authorization code (RFC 6749 section 4.1.3)."""

from typing import Protocol

from . import pkce
from .errors import InvalidGrant
from .parameters import Parameters


class Issued(Protocol):
    """What a code was issued for; a grant made from the code keeps it, so that a replay can be told from a guess."""

    @property
    def client_pk(self) -> int: ...
    @property
    def redirect_uri(self) -> str: ...
    @property
    def code_challenge(self) -> str: ...


def check_possession(issued: Issued, parameters: Parameters, *, client_pk: int) -> None:
    """
    Hold a token request against the authorization request its code came from.

    Args:
        issued: redirect_uri and code_challenge are "" where the authorization request had none.
        parameters: redirect_uri must be identical if one was sent before; a client that proves itself by PKCE
            may leave it out, as OAuth 2.1 clients do (draft-ietf-oauth-v2-1 section 10.2).
        client_pk: the client that authenticated.

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
