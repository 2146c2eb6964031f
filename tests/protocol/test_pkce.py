"""Proof Key for Code Exchange."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_service.protocol import pkce
from oauth_service.protocol.errors import InvalidGrant, InvalidRequest
from tests.clauses import clause

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
UNRESERVED = string.ascii_letters + string.digits + "-._~"


@clause("RFC 7636", "B")
def test_the_appendix_b_example_verbatim() -> None:
    """Every implementation shares this vector."""
    assert pkce.challenge_of(VERIFIER) == CHALLENGE


@clause("RFC 7636", "4.6")
def test_the_right_verifier_is_accepted() -> None:
    """The check must be able to pass."""
    pkce.check(VERIFIER, CHALLENGE)


@clause("RFC 7636", "4.1")
@given(verifier=st.text(UNRESERVED, min_size=43, max_size=128))
def test_every_verifier_of_the_grammar_proves_its_challenge(verifier: str) -> None:
    """code-verifier = 43*128unreserved."""
    pkce.check(verifier, pkce.requested(pkce.challenge_of(verifier), "S256", required=True))


@clause("RFC 7636", "4.6")
@given(verifier=st.text(UNRESERVED, min_size=43, max_size=128))
def test_a_wrong_verifier_is_an_invalid_grant(verifier: str) -> None:
    """A stolen code is worthless without its verifier."""
    if verifier != VERIFIER:
        with pytest.raises(InvalidGrant) as refusal:
            pkce.check(verifier, CHALLENGE)
        assert refusal.value.description == "code_verifier does not match the code_challenge"


@clause("RFC 7636", "4.6")
def test_the_challenge_is_not_its_own_verifier() -> None:
    """The challenge would be a plain verifier: anyone who saw the authorization request could redeem the code."""
    with pytest.raises(InvalidGrant):
        pkce.check(CHALLENGE, CHALLENGE)


@clause("RFC 7636", "4.1")
@pytest.mark.parametrize(
    "verifier",
    ["a" * 42, "a" * 129, "a" * 42 + "+", "a" * 42 + "/", "a" * 43 + "=", " " + "a" * 43, "a" * 43 + "\n", "é" * 43],
)
def test_a_malformed_verifier_is_refused_even_with_its_own_challenge(verifier: str) -> None:
    """A verifier of fewer than 43 characters can be guessed."""
    with pytest.raises(InvalidGrant) as refusal:
        pkce.check(verifier, pkce.challenge_of(verifier))
    assert refusal.value.description == "code_verifier must be 43 to 128 unreserved characters"


@clause("RFC 7636", "4.6")
def test_a_missing_verifier_is_an_invalid_grant() -> None:
    """Otherwise the challenge would protect nothing."""
    with pytest.raises(InvalidGrant) as refusal:
        pkce.check("", CHALLENGE)
    assert refusal.value.description == "code_verifier is missing"


@clause("RFC 9700", "2.1.1")
def test_a_verifier_nobody_asked_for_is_an_invalid_grant() -> None:
    """The verifier reveals an attacker who removed the code_challenge from the request (a downgrade)."""
    with pytest.raises(InvalidGrant) as refusal:
        pkce.check(VERIFIER, "")
    assert refusal.value.description == "code_verifier was sent, but the code was issued without a code_challenge"


def test_neither_challenge_nor_verifier_is_the_guides_way() -> None:
    """presc_man_123 may leave PKCE out."""
    pkce.check("", "")


# -- the request -----------------------------------------------------------------------------------------------------


@clause("RFC 7636", "4.3")
def test_a_challenge_is_kept_as_it_was_sent() -> None:
    """A challenge counts even if the client need not send one."""
    assert [pkce.requested(CHALLENGE, "S256", required=required) for required in (True, False)] == [CHALLENGE] * 2


def test_no_challenge_is_fine_where_none_is_required() -> None:
    """An empty challenge is kept."""
    assert pkce.requested("", "", required=False) == ""


@clause("RFC 7636", "4.4.1")
@pytest.mark.parametrize(
    ("challenge", "method", "required", "sentence"),
    [
        ("", "", True, "code_challenge is missing: this client must use PKCE"),
        ("", "S256", True, "code_challenge_method was sent without a code_challenge"),
        ("", "S256", False, "code_challenge_method was sent without a code_challenge"),
        (CHALLENGE, "", False, "code_challenge_method must be S256"),
        (CHALLENGE, "plain", False, "code_challenge_method must be S256"),
        (CHALLENGE, "s256", False, "code_challenge_method must be S256"),
        (CHALLENGE, "S512", False, "code_challenge_method must be S256"),
        (CHALLENGE[:-1], "S256", False, "code_challenge must be 43 characters of base64url, without padding"),
        (CHALLENGE + "=", "S256", False, "code_challenge must be 43 characters of base64url, without padding"),
        (CHALLENGE + "A", "S256", False, "code_challenge must be 43 characters of base64url, without padding"),
        ("+" + CHALLENGE[1:], "S256", False, "code_challenge must be 43 characters of base64url, without padding"),
        (CHALLENGE[:-1] + "\n", "S256", False, "code_challenge must be 43 characters of base64url, without padding"),
        ("é" * 43, "S256", False, "code_challenge must be 43 characters of base64url, without padding"),
    ],
)
def test_a_request_that_pkce_cannot_protect_is_an_invalid_request(
    challenge: str, method: str, required: bool, sentence: str
) -> None:
    """Without a method the challenge is plain (section 4.3), which shows the verifier to everyone who sees the request."""
    with pytest.raises(InvalidRequest) as refusal:
        pkce.requested(challenge, method, required=required)
    assert refusal.value.description == sentence
