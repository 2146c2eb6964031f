"""Access tokens of other servers: checking them, and reading their claims."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from oauth_service.protocol import remote_token
from oauth_service.protocol.jwt import InvalidJWT, UnverifiedJWT
from tests.clauses import clause

ISSUER = "https://id.example"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
AT = int(NOW.timestamp())
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "42",
    "client_id": "app",
    "aud": "https://api.example",
    "iat": AT - 10,
    "exp": AT + 300,
    "jti": "1",
    "scope": "orders:read",
}
ACTIVE: dict[str, Any] = {"active": True, "sub": "42", "client_id": "app", "exp": AT + 300, "token_type": "Bearer"}


def token(claims: dict[str, Any], **header: Any) -> UnverifiedJWT:
    """Return a parsed JWT; None leaves a member out."""
    members = {"alg": "RS256", "typ": "at+jwt", "kid": "k"} | header
    return UnverifiedJWT(
        header={name: value for name, value in members.items() if value is not None},
        claims={name: value for name, value in (CLAIMS | claims).items() if value is not None},
        signing_input=b"",
        signature=b"",
    )


def test_a_good_one_is_good() -> None:
    """Several audiences and the long name of the type are valid, too."""
    remote_token.check_jwt(token({}), issuer=ISSUER, now=NOW)
    remote_token.check_jwt(token({"aud": ["a", "b"]}, typ="application/at+jwt"), issuer=ISSUER, now=NOW)


@clause("RFC 9068", "4")
@pytest.mark.parametrize(
    ("claims", "header"),
    [
        ({"iss": "https://other.example"}, {}),
        ({"iss": ISSUER + "/"}, {}),
        ({"iss": None}, {}),
        ({"sub": None}, {}),
        ({"client_id": None}, {}),
        ({"aud": None}, {}),
        ({"aud": []}, {}),
        ({"aud": 1}, {}),
        ({"exp": None}, {}),
        ({"exp": AT - 61}, {}),
        ({"exp": "soon"}, {}),
        ({"exp": math.nan}, {}),
        ({"nbf": AT + 61}, {}),
        ({"iat": AT + 61}, {}),
        ({"cnf": {"jkt": "x"}}, {}),
        ({}, {"typ": None}),
        ({}, {"typ": "JWT"}),
        ({}, {"typ": "logout+jwt"}),
        ({}, {"alg": "none"}),
        ({}, {"alg": "HS256"}),
        ({}, {"crit": ["exp"]}),
    ],
    ids=str,
)
def test_whatever_is_wrong_with_a_jwt_is_refused(claims: dict[str, Any], header: dict[str, Any]) -> None:
    """The claims are checked before the signature, so that no keys are fetched for a wrong JWT."""
    with pytest.raises(InvalidJWT):
        remote_token.check_jwt(token(claims, **header), issuer=ISSUER, now=NOW)


@clause("RFC 7662", "2.2")
@pytest.mark.parametrize(
    ("changes", "is_good"),
    [
        ({}, True),
        ({"exp": None}, True),
        ({"token_type": None}, False),
        ({"iss": ISSUER, "token_type": "bearer"}, True),
        ({"active": False}, False),
        ({"active": "true"}, False),
        ({"active": None}, False),
        ({"iss": "https://other.example"}, False),
        ({"exp": AT}, False),
        ({"exp": "soon"}, False),
        ({"token_type": "DPoP"}, False),
        ({"token_type": "refresh_token"}, False),
        ({"cnf": {"x5t#S256": "x"}}, False),
    ],
    ids=str,
)
def test_an_answer_of_introspection_is_good_or_not(changes: dict[str, Any], is_good: bool) -> None:
    """A bound token without its proof is not valid."""
    answer = {name: value for name, value in (ACTIVE | changes).items() if value is not None}
    assert (remote_token.fault_of_introspection(answer, issuer=ISSUER, now=NOW) == "") == is_good


@pytest.mark.parametrize("value", [None, 1, [], {}, True, "x" * 3, math.inf, -1, 1e400])
@pytest.mark.parametrize("name", ["sub", "client_id", "scope", "exp", "aud", "auth_time", "acr"])
def test_what_is_of_another_type_counts_as_left_out(name: str, value: Any) -> None:
    """No response of another server makes this one fail."""
    said = remote_token.read(CLAIMS | {"auth_time": AT, name: value})
    assert isinstance(said.subject + said.client_id + said.scope, str)
    assert isinstance(said.expires_at, int)


def test_what_is_said_is_read() -> None:
    """An API may use all of these facts."""
    said = remote_token.read(CLAIMS | {"auth_time": AT, "acr": "gold"})
    assert (said.subject, said.client_id, said.scope, said.expires_at) == ("42", "app", "orders:read", AT + 300)
    assert said.audience == {"https://api.example"}
    assert said.event
    assert (said.event.auth_time, said.event.acr) == (AT, "gold")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"issuer": "https://id.example/"}', b"[" * 100_000])
def test_metadata_that_is_none_of_the_issuers(body: bytes) -> None:
    """ "these values MUST be identical" (RFC 8414 section 3.3)."""
    with pytest.raises(ValueError, match=r".*"):
        remote_token.check_metadata(body, issuer=ISSUER)
