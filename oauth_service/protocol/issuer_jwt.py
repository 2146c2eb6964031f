"""JWTs that other issuers signed: grants, identity assertions, subject tokens (RFC 7521, RFC 7523 section 3)."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit

from . import jwt
from .client_metadata import is_key_set_address
from .jwt import ASYMMETRIC, InvalidJWT, UnverifiedJWT

TYPES = {
    "jwt-bearer": ("JWT",),
    "id-jag": ("oauth-id-jag+jwt",),
    "token-exchange": ("JWT", "at+jwt"),
    "software-statement": ("JWT",),
}
"""Purpose → accepted typ. An identity assertion must have its own typ: otherwise an ID token could pass for one."""
LONGEST_LIFE = {
    "jwt-bearer": timedelta(hours=1),
    "id-jag": timedelta(hours=1),
    "token-exchange": timedelta(days=1),
    "software-statement": timedelta(days=3_653),  # ships with every copy of a software
}
MOST_CHARACTERS = 1000
_NOT_HONOURED = ("cnf", "authorization_details")
"""Claims that restrict a JWT in a way that this server cannot enforce: ignoring them would widen it."""


class RegisteredIssuer(Protocol):
    """The columns that the rules read."""

    @property
    def issuer(self) -> str: ...
    @property
    def purpose_list(self) -> tuple[str, ...]: ...
    @property
    def algorithm_list(self) -> tuple[str, ...]: ...
    @property
    def audience(self) -> str: ...
    @property
    def jwks(self) -> str: ...
    @property
    def jwks_uri(self) -> str: ...


def faults_of(issuer: RegisteredIssuer) -> Iterator[tuple[str, str]]:
    """Yield the contradictions in the registration of an issuer, as pairs of column and sentence."""
    if urlsplit(issuer.issuer).scheme not in ("https", "http") or any(c.isspace() for c in issuer.issuer):
        yield "issuer", "An issuer is a URL."
    if not issuer.purpose_list:
        yield "purposes", f"Choose of {', '.join(TYPES)}."
    if unknown := [name for name in issuer.purpose_list if name not in TYPES]:
        yield "purposes", f"There is no {', '.join(unknown)}: choose of {', '.join(TYPES)}."
    if not issuer.algorithm_list:
        yield "algorithms", f"Choose of {', '.join(ASYMMETRIC)}."
    if unknown := [name for name in issuer.algorithm_list if name not in ASYMMETRIC]:
        yield "algorithms", f"No signature is {', '.join(unknown)}: choose of {', '.join(ASYMMETRIC)}."
    if bool(issuer.jwks) == bool(issuer.jwks_uri):
        yield "jwks_uri", "Register either the keys or their address."
    if issuer.jwks_uri and not is_key_set_address(issuer.jwks_uri):
        yield "jwks_uri", "The address of a key set is an https URL."
    if issuer.audience and "token-exchange" not in issuer.purpose_list:
        # RFC 7523 section 3: a grant names the authorization server.
        yield "audience", "Only JWTs for token exchange have another audience."


def check(
    assertion: UnverifiedJWT, issuer: RegisteredIssuer, *, purpose: str, audience: str, now: datetime
) -> datetime:
    """
    Check a JWT against the registration of its issuer, this server and the clock, but not its signature.

    Args:
        purpose: one of TYPES.
        audience: the issuer identifier of this server.

    Returns:
        the moment until which its jti has to be remembered if it may be used once only.

    Raises:
        InvalidJWT: wrong purpose, algorithm, type or audience; no sub, jti or iat; expired, not valid yet, or valid for too
            long; or restricted in a way that this server does not honour.

    RFC 7523 section 3; draft-ietf-oauth-identity-assertion-authz-grant-03 sections 3.1 and 4.4.1.
    """
    if purpose not in issuer.purpose_list:
        raise InvalidJWT(f"the issuer {issuer.issuer} is not trusted for {purpose}")
    if assertion.algorithm not in issuer.algorithm_list:
        raise InvalidJWT(
            f"the JWT is signed with {assertion.algorithm[:20]!r}, not {' or '.join(issuer.algorithm_list)}"
        )
    jwt.refuse_extensions(assertion)
    jwt.check_typ(assertion, TYPES[purpose], may_be_absent=purpose != "id-jag")
    _check_audience(assertion.claims.get("aud"), issuer, purpose=purpose, audience=audience)
    if not 0 < len(assertion.text_of("sub")) <= MOST_CHARACTERS:
        raise InvalidJWT("the JWT has no sub")
    # A subject token may be exchanged more than once, just as an access token may be used more than once.
    if purpose != "token-exchange" and not 0 < len(assertion.text_of("jti")) <= MOST_CHARACTERS:
        raise InvalidJWT("the JWT has no jti")
    if purpose == "id-jag" and assertion.claims.get("iat") is None:
        raise InvalidJWT("the JWT has no iat")
    if restricted := [claim for claim in _NOT_HONOURED if claim in assertion.claims]:
        raise InvalidJWT(f"the JWT has {', '.join(restricted)}, which is not honoured here")
    return jwt.check_times(assertion, longest=LONGEST_LIFE[purpose], now=now)


def check_software_statement(
    statement: UnverifiedJWT, issuer: RegisteredIssuer, *, audience: str, now: datetime
) -> Mapping[str, Any]:
    """
    Check a software statement against the registration of its issuer and the clock, but not its signature.

    Args:
        issuer: trusted for software statements.
        audience: the issuer identifier of this server.

    Returns:
        the client metadata in it.

    Raises:
        InvalidJWT: wrong algorithm, type or audience, expired, or not valid yet.

    RFC 7591 section 2.3: only iss is required; exp, nbf, iat and aud are checked if present.
    """
    if statement.algorithm not in issuer.algorithm_list:
        raise InvalidJWT(
            f"the JWT is signed with {statement.algorithm[:20]!r}, not {' or '.join(issuer.algorithm_list)}"
        )
    jwt.refuse_extensions(statement)
    jwt.check_typ(statement, TYPES["software-statement"], may_be_absent=True)
    named = statement.claims.get("aud", audience)
    if audience not in (named if isinstance(named, list) else [named]):
        raise InvalidJWT(f"the JWT is not for {audience}")
    if statement.claims.get("exp") is None:
        jwt.refuse_early(statement, now=now)
    else:
        jwt.check_times(statement, longest=LONGEST_LIFE["software-statement"], now=now)
    return {name: value for name, value in statement.claims.items() if name not in _OF_JWTS}


_OF_JWTS = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti"})


def _check_audience(named: object, issuer: RegisteredIssuer, *, purpose: str, audience: str) -> None:
    if isinstance(named, list) and len(named) == 1:
        named = named[0]
    # Exactly one: if a JWT is valid at several servers, each could pass it on to the others.
    if not isinstance(named, str):
        raise InvalidJWT("the JWT does not have exactly one audience")
    accepted = [audience, issuer.audience] if purpose == "token-exchange" and issuer.audience else [audience]
    if named not in accepted:
        raise InvalidJWT(f"the JWT is not for {' or '.join(accepted)}")
