"""Bearer tokens: the only way to send one, and a challenge for every refusal."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_service.protocol import bearer
from oauth_service.protocol.errors import BearerError, InsufficientScope, InvalidToken, MalformedBearer, MissingToken
from tests.clauses import clause

NO_QUERY: frozenset[str] = frozenset()
CHALLENGE = re.compile(r'Bearer ((?:[a-z_]+="(?:[^"\\]|\\.)*"(?:, |$))+)')


@clause("RFC 6750", "2.1")
@pytest.mark.parametrize(
    ("authorization", "token"),
    [
        ("Bearer mF_9.B5f-4.1JqM", "mF_9.B5f-4.1JqM"),
        ("bearer AT_abc", "AT_abc"),
        ("BEARER AT_abc", "AT_abc"),
        ("Bearer   AT_abc", "AT_abc"),
        ("Bearer AT_abc  ", "AT_abc"),
        ("Bearer a-._~+/b==", "a-._~+/b=="),
    ],
)
def test_a_token_in_the_authorization_header_is_read(authorization: str, token: str) -> None:
    """The first example is the RFC's; the name of the scheme is case-insensitive (RFC 9110 section 11.1)."""
    assert bearer.token_of(authorization, query=NO_QUERY) == token


@clause("RFC 6750", "3.1")
@pytest.mark.parametrize("authorization", ["", "Basic YTpi", "Bearerx AT_abc", "Digest a=b", "AT_abc", "DPoP AT_abc"])
def test_no_bearer_token_is_none_at_all(authorization: str) -> None:
    """Credentials of another scheme are not meant for this server."""
    with pytest.raises(MissingToken):
        bearer.token_of(authorization, query=NO_QUERY)


@clause("RFC 6750", "3.1")
@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a,b",
        'Bearer "a"',
        "Bearer a=b",
        "Bearer =",
        "Bearer é",
        "Bearer a\tb",
    ],
)
def test_what_is_not_one_token_is_malformed(authorization: str) -> None:
    """The error is invalid_request, not invalid_token: a new token would not help."""
    with pytest.raises(MalformedBearer) as refusal:
        bearer.token_of(authorization, query=NO_QUERY)
    assert refusal.value.description == "the Authorization header must be Bearer and one token"


@clause("RFC 6750", "2.3")
@pytest.mark.parametrize("authorization", ["", "Bearer AT_abc"])
def test_a_token_in_the_url_is_refused(authorization: str) -> None:
    """A valid header does not help: the client must learn that its tokens end up in logs."""
    with pytest.raises(MalformedBearer) as refusal:
        bearer.token_of(authorization, query=frozenset({"access_token"}))
    assert refusal.value.description == "the access token must be sent in the Authorization header, never in the URL"


@given(authorization=st.text() | st.text().map("Bearer ".__add__))
def test_no_header_breaks_the_reading(authorization: str) -> None:
    """Every header is either read or refused, and a token that was read needs no quoting."""
    try:
        token = bearer.token_of(authorization, query=NO_QUERY)
    except BearerError:
        return
    assert re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", token)


@clause("RFC 6750", "3")
@pytest.mark.parametrize(
    ("refusal", "challenge"),
    [
        (MissingToken("an access token is required"), 'Bearer realm="r"'),
        (InvalidToken("expired"), 'Bearer realm="r", error="invalid_token", error_description="expired"'),
        (MalformedBearer("what"), 'Bearer realm="r", error="invalid_request", error_description="what"'),
        (
            InsufficientScope("too little", scope="user profile"),
            'Bearer realm="r", error="insufficient_scope", error_description="too little", scope="user profile"',
        ),
    ],
)
def test_a_challenge_says_what_the_section_asks_for(refusal: BearerError, challenge: str) -> None:
    """Without credentials it "SHOULD NOT include an error code"; with too little scope it names the required scope."""
    assert bearer.challenge(refusal, realm="r") == challenge


@given(
    realm=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)),
    description=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)),
)
def test_a_challenge_is_quoted_so_that_nothing_breaks_out(realm: str, description: str) -> None:
    """A quoted-string of RFC 9110 section 5.6.4 has a backslash before every quote and backslash."""
    challenge = bearer.challenge(InvalidToken(description), realm=realm)
    assert CHALLENGE.fullmatch(challenge)
    found = {
        name: re.sub(r"\\(.)", r"\1", value) for name, value in re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', challenge)
    }
    assert found == {"realm": realm, "error": "invalid_token", "error_description": description}
