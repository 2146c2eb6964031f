"""What introspection tells of a token, and whom (RFC 7662)."""

import re
from collections.abc import Collection, Mapping
from datetime import datetime

INACTIVE: dict[str, object] = {"active": False}

TYP = "token-introspection+jwt"
MEDIA_TYPE = f"application/{TYP}"
ALGORITHM = "RS256"
"""What signs answers: the default of introspection_signed_response_alg (RFC 9701 section 6), which every server has."""
_NOT_ACCEPTABLE = re.compile(r"q=0(\.0{0,3})?")


def may_ask(*, asker: str, issued_to: str, audience: Collection[str], own_resources: Collection[str]) -> bool:
    """
    Tell whether a client hears about a token: the one it was issued to, and the resource that it is for.

    Args:
        asker: client_id of who asks, authenticated.
        issued_to: client_id of the token.
        audience: identifiers of the resources that the token is for; empty for none in particular.
        own_resources: identifiers of the resources that are the asker's own.

    RFC 7662 section 4: an answer to just anybody would be an oracle for stolen tokens.
    """
    return asker == issued_to or not set(audience).isdisjoint(own_resources)


def wants_jwt(accept: str) -> bool:
    """
    Tell whether an Accept header asks for a JWT by its name (RFC 9701 section 4). A wildcard does not: most clients send one.

    RFC 9110 section 12.5.1: a weight of 0 says that it is not acceptable.
    """
    for each in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in each.split(";"))
        if media_type == MEDIA_TYPE:
            return not any(_NOT_ACCEPTABLE.fullmatch(parameter) for parameter in parameters)
    return False


def jwt_claims(members: dict[str, object], *, issuer: str, asker: str, now: datetime) -> dict[str, object]:
    """
    The claims of an answer that is a JWT (RFC 9701 section 5).

    Args:
        members: of the answer. They stand in a claim of their own: at the top the JWT could be taken for the token itself.
        asker: client_id of who asks.
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
    The members of an active token (section 2.2; auth_time and acr: RFC 9470 section 6.2). What is empty is left out.

    Args:
        exp, iat, auth_time: seconds since the epoch.
        act: who acts for the subject (RFC 8693 section 4.1).
        aud: one is a string, several are an array, as in a JWT.
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
