"""RFC 7636, Proof Key for Code Exchange."""

import base64
import hashlib

import pytest

from oauth_service.models import AuthorizationCode
from oauth_service.protocol import pkce
from tests.clauses import clause
from tests.guide import Guide, query_of
from tests.specs.answers import refusal_of, sent_back
from tests.specs.appendix_b import CHALLENGE, CHALLENGED, VERIFIER
from tests.specs.public import PublicGuide

OCTETS = [
    116,
    24,
    223,
    180,
    151,
    153,
    224,
    37,
    79,
    250,
    96,
    125,
    216,
    173,
    187,
    186,
    22,
    212,
    37,
    77,
    105,
    214,
    191,
    240,
]
OCTETS += [91, 88, 5, 88, 83, 132, 141, 121]
DIGEST = [
    19,
    211,
    30,
    150,
    26,
    26,
    216,
    236,
    47,
    22,
    177,
    12,
    76,
    152,
    46,
    8,
    118,
    168,
    120,
    173,
    109,
    241,
    68,
    86,
    110,
]
DIGEST += [225, 137, 74, 203, 112, 249, 195]


@clause("RFC 7636", "B")
def test_the_example_of_the_appendix_step_by_step() -> None:
    """The octets make the verifier, its SHA-256 is the digest, and that makes the challenge, as in the appendix."""
    assert base64.urlsafe_b64encode(bytes(OCTETS)).rstrip(b"=").decode() == VERIFIER
    assert list(hashlib.sha256(VERIFIER.encode("ascii")).digest()) == DIGEST
    assert pkce.challenge_of(VERIFIER) == CHALLENGE


@clause("RFC 7636", "B")
def test_the_example_of_the_appendix_end_to_end(guide: Guide) -> None:
    """The authorization request and the token request are the appendix's."""
    code = guide.code(code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", code_challenge_method="S256")
    response = guide.exchange(code, code_verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert response.status_code == 200


@clause("RFC 7636", "4.1")
@pytest.mark.parametrize("verifier", ["a" * 43, "Z" * 128, "-._~" * 11, "09azAZ-._~" * 12])
def test_every_verifier_of_the_grammar_is_good(guide: Guide, verifier: str) -> None:
    """code-verifier = 43*128unreserved; unreserved = ALPHA / DIGIT / "-" / "." / "_" / "~"."""
    code = guide.code(code_challenge=pkce.challenge_of(verifier), code_challenge_method="S256")
    assert guide.exchange(code, code_verifier=verifier).status_code == 200


@clause("RFC 7636", "4.1")
@pytest.mark.parametrize("verifier", ["a" * 42, "a" * 129, "a" * 42 + "+", "a" * 42 + " ", "é" * 43, "a" * 43 + "="])
def test_a_verifier_outside_the_grammar_is_refused_even_if_it_matches(guide: Guide, verifier: str) -> None:
    """ "[...] a minimum length of 43 characters and a maximum length of 128 characters": a shorter one can be guessed."""
    code = guide.code(code_challenge=pkce.challenge_of(verifier), code_challenge_method="S256")
    assert refusal_of(guide.exchange(code, code_verifier=verifier)) == (400, "invalid_grant")


@clause("RFC 7636", "4.3")
@pytest.mark.parametrize(
    "challenge", ["a" * 42, "a" * 44, CHALLENGE + "=", CHALLENGE[:-1] + "+", CHALLENGE[:-1] + "/", "é" * 43]
)
def test_a_malformed_challenge_is_an_invalid_request(guide: Guide, challenge: str) -> None:
    """An S256 challenge is 32 octets in base64url without padding, 43 characters: no verifier could match another one."""
    answer = sent_back(guide.ask(code_challenge=challenge, code_challenge_method="S256"))
    assert answer["error"] == "invalid_request"


@clause("RFC 7636", "4.4")
def test_the_challenge_is_in_no_form_that_others_could_extract(guide: Guide) -> None:
    """ "The server MUST NOT include the "code_challenge" value in client requests in a form that other entities can extract." """
    location = guide.answer(**CHALLENGED)["Location"]
    code = query_of(location)["code"]
    sealed = base64.urlsafe_b64decode(code.removeprefix("SPL__") + "==")
    assert CHALLENGE not in location
    assert base64.urlsafe_b64decode(CHALLENGE + "=") not in sealed


@clause("RFC 7636", "4.4")
def test_each_code_has_the_challenge_it_was_asked_with(guide: Guide) -> None:
    """ "[...] it MUST associate the "code_challenge" [...] with the authorization code": two codes, two verifiers."""
    other = "b" * 43
    first = guide.code(**CHALLENGED)
    second = guide.code(code_challenge=pkce.challenge_of(other), code_challenge_method="S256")
    assert refusal_of(guide.exchange(first, code_verifier=other)) == (400, "invalid_grant")
    assert refusal_of(guide.exchange(second, code_verifier=VERIFIER)) == (400, "invalid_grant")
    assert guide.exchange(first, code_verifier=VERIFIER).status_code == 200
    assert guide.exchange(second, code_verifier=other).status_code == 200


@clause("RFC 7636", "4.4.1")
@pytest.mark.parametrize("method", ["ask", "answer"])
def test_a_public_client_without_a_challenge_is_told_to_send_one(public: PublicGuide, method: str) -> None:
    """
    "[...] the authorization endpoint MUST return the authorization error response with the "error" value set to
    "invalid_request". The "error_description" or the response of "error_uri" SHOULD explain the nature of error, e.g., code
    challenge required."
    """
    answer = sent_back(getattr(public, method)(code_challenge="", code_challenge_method=""))
    assert (answer["error"], "code_challenge is missing" in answer["error_description"]) == ("invalid_request", True)
    assert AuthorizationCode.objects.count() == 0


@clause("RFC 7636", "4.4.1")
@pytest.mark.parametrize(("requires", "error"), [(True, "invalid_request"), (False, None)])
def test_a_confidential_client_needs_one_as_its_setting_says(guide: Guide, requires: bool, error: str | None) -> None:
    """The guide's client needs none; by default a new client does."""
    guide.client.requires_pkce = requires
    guide.client.save()
    assert sent_back(guide.answer()).get("error") == error
    assert type(guide.client)._meta.get_field("requires_pkce").default is True


@clause("RFC 7636", "4.4.1")
@pytest.mark.parametrize("page", ["ask", "answer"])
@pytest.mark.parametrize("method", ["plain", "", "s256", "S512", "S256 "])
def test_plain_and_whatever_else_is_refused(guide: Guide, method: str, page: str) -> None:
    """
    "If the server supporting PKCE does not support the requested transformation, the authorization endpoint MUST return the
    authorization error response with "error" value set to "invalid_request"." Without a method the request means plain
    (section 4.3), which shows the verifier to everyone who sees the request.
    """
    answer = sent_back(getattr(guide, page)(code_challenge=CHALLENGE, code_challenge_method=method))
    assert answer["error"] == "invalid_request"
    assert answer["error_description"] == "code_challenge_method must be S256"


@clause("RFC 7636", "4.4.1")
def test_a_method_without_a_challenge_is_an_invalid_request(guide: Guide) -> None:
    """Half of PKCE protects nothing, but the client would believe that it is protected."""
    assert sent_back(guide.ask(code_challenge_method="S256"))["error"] == "invalid_request"


@clause("RFC 7636", "4.6")
@pytest.mark.parametrize("as_form", [True, False], ids=["form", "JSON"])
@pytest.mark.parametrize("verifier", ["", CHALLENGE, VERIFIER[:-1] + "K", VERIFIER.lower(), "a" * 43])
def test_a_wrong_or_missing_verifier_is_an_invalid_grant(guide: Guide, verifier: str, as_form: bool) -> None:
    """
    "If the values are not equal, an error response indicating "invalid_grant" as described in Section 5.2 of [RFC6749] MUST be
    returned." The code stays valid for the client with the right verifier.
    """
    code = guide.code(**CHALLENGED)
    assert refusal_of(guide.exchange(code, as_form=as_form, code_verifier=verifier)) == (400, "invalid_grant")
    assert guide.exchange(code, as_form=as_form, code_verifier=VERIFIER).status_code == 200


@clause("RFC 7636", "4.6")
def test_a_public_client_proves_itself_by_its_verifier(public: PublicGuide) -> None:
    """ "If the values are equal, the token endpoint MUST continue processing as normal". A client_id alone is not enough."""
    code = public.code()
    assert refusal_of(public.exchange(code, code_verifier="")) == (400, "invalid_grant")
    assert public.exchange(code).status_code == 200


@clause("RFC 7636", "5")
def test_a_client_that_may_go_without_does(guide: Guide) -> None:
    """ "Server implementations of this specification MAY accept OAuth2.0 clients that do not implement this extension." """
    assert guide.exchange(guide.code()).status_code == 200
