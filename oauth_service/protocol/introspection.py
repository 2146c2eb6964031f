"""Rules of token introspection (RFC 7662): which client may ask, and what the response says."""

import re
from collections.abc import Collection, Mapping
from datetime import datetime

INACTIVE: dict[str, object] = {"active": False}

TYP = "token-introspection+jwt"
MEDIA_TYPE = f"application/{TYP}"
ALGORITHM = "RS256"
"""Signs responses: the default of introspection_signed_response_alg (RFC 9701 section 6), which every server supports."""
_NOT_ACCEPTABLE = re.compile(r"q=0(\.0{0,3})?")


def may_ask(*, asker: str, issued_to: str, audience: Collection[str], own_resources: Collection[str]) -> bool:
    """
    Tell whether a client may introspect a token: it was issued to the client, or is for one of the client's resources.

    Args:
        asker: client_id of the authenticated client that asks.
        issued_to: client_id of the token.
        audience: identifiers of the resources that the token is for; empty for none in particular.
        own_resources: identifiers of the asker's own resources.

    RFC 7662 section 4: an endpoint that answers everyone would be an oracle for stolen tokens.
    """
    return asker == issued_to or not set(audience).isdisjoint(own_resources)


def wants_jwt(accept: str) -> bool:
    """
    Tell whether an Accept header names the JWT media type (RFC 9701 section 4). A wildcard does not count: most clients send one.

    A weight of 0 means that the type is not acceptable (RFC 9110 section 12.5.1).
    """
    for each in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in each.split(";"))
        if media_type == MEDIA_TYPE:
            return not any(_NOT_ACCEPTABLE.fullmatch(parameter) for parameter in parameters)
    return False


def jwt_claims(members: dict[str, object], *, issuer: str, asker: str, now: datetime) -> dict[str, object]:
    """
    Return the claims of a response in the form of a JWT (RFC 9701 section 5).

    Args:
        members: of the response. They are in a claim of their own, so that nobody takes the JWT for the token itself.
        asker: client_id of the client that asks.
    """
    return {"iss": issuer, "aud": asker, "iat": int(now.timestamp()), "token_introspection": members}


def active(
    *,
    client_id: str,
    scope: str,
    sub: str,
    iss: str,
    username: str = "",
    token_type: str = "",
    exp: int | None = None,
    iat: int | None = None,
    aud: Collection[str] = (),
    jti: str = "",
    auth_time: int | None = None,
    acr: str = "",
    act: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """
    Return the members for an active token (section 2.2; auth_time and acr: RFC 9470 section 6.2). Empty ones are left out.

    Args:
        exp, iat, auth_time: seconds since the epoch.
        act: the party that acts for the subject (RFC 8693 section 4.1).
        aud: a single one becomes a string, several become an array, as in a JWT.
    """
    audience = sorted(aud)
    optional: dict[str, object] = {
        "username": username,
        "token_type": token_type,
        "exp": exp,
        "iat": iat,
        "aud": audience[0] if len(audience) == 1 else audience,
        "jti": jti,
        "auth_time": auth_time,
        "acr": acr,
        "act": dict(act or {}),
    }
    required: dict[str, object] = {"active": True, "client_id": client_id, "scope": scope, "sub": sub, "iss": iss}
    return required | {name: value for name, value in optional.items() if value not in ("", None, [], {})}
