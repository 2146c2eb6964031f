"""JWTs of trusted issuers as authorization grants (RFC 7523 section 2.1, ID-JAG)."""

from collections.abc import Mapping
from datetime import UTC, datetime

from . import jwt, resource_indicators
from .grant_type import JWT_BEARER
from .issuer_jwt import LONGEST_LIFE, TYPES
from .jwt import InvalidJWT, UnverifiedJWT

GRANT_TYPE = JWT_BEARER
ID_JAG_PROFILE = "urn:ietf:params:oauth:grant-profile:id-jag"
""" "To advertise support" of identity assertions (draft-ietf-oauth-identity-assertion-authz-grant-03 section 7.2)."""
_NOT_HONOURED = ("act", "aud_tenant", "tenant")
"""Claims that restrict a grant in a way that this server cannot enforce: ignoring them would widen it."""


def purpose_of(assertion: UnverifiedJWT) -> str:
    """
    Return the purpose of an assertion by its typ: "id-jag" or "jwt-bearer".

    Identity assertions have a typ of their own (draft-ietf-oauth-identity-assertion-authz-grant-03 section 4.4.1).
    """
    try:
        jwt.check_typ(assertion, TYPES["id-jag"], may_be_absent=False)
    except InvalidJWT:
        return "jwt-bearer"
    return "id-jag"


def scope_of(claims: Mapping[str, object]) -> str | None:
    """
    Return the widest scope that an assertion allows; None if it does not say.

    Raises:
        InvalidJWT: scope is not a text, or a claim is not honoured here.
    """
    if restricted := [claim for claim in _NOT_HONOURED if claim in claims]:
        raise InvalidJWT(f"the JWT has {', '.join(restricted)}, which is not honoured here")
    if "scope" not in claims:
        return None
    scope = claims["scope"]
    if not isinstance(scope, str):
        raise InvalidJWT("the scope of the JWT is not a string")
    return scope


def resources_of(claims: Mapping[str, object]) -> tuple[str, ...] | None:
    """
    Return the resources that an assertion allows; None if it does not say.

    Raises:
        InvalidJWT: resource is neither a URI nor a list of URIs, or there are too many.
    """
    if "resource" not in claims:
        return None
    named = claims["resource"]
    listed = named if isinstance(named, list) else [named]
    if not 0 < len(listed) <= resource_indicators.MOST_RESOURCES:
        raise InvalidJWT(f"the JWT names {len(listed)} resources")
    if not all(isinstance(each, str) and not resource_indicators.fault_of(each) for each in listed):
        raise InvalidJWT("the resource of the JWT is not an absolute URI without a fragment")
    return tuple(dict.fromkeys(map(str, listed)))


def issued_at(claims: Mapping[str, object]) -> datetime:
    """
    Return when an assertion was issued; its exp must have been checked.

    Without iat, return the earliest possible moment, so that an assertion cannot pass for a later one by leaving it out.
    """
    if claims.get("iat") is None:
        return end_of(claims) - LONGEST_LIFE["jwt-bearer"]
    return datetime.fromtimestamp(float(str(claims["iat"])), UTC)


def end_of(claims: Mapping[str, object]) -> datetime:
    """Return when an assertion expires; its exp must have been checked."""
    return datetime.fromtimestamp(float(str(claims["exp"])), UTC)
