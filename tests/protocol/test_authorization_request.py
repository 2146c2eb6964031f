"""The authorization request: what a client may ask for, and what comes next."""

from dataclasses import dataclass

import pytest

from oauth_service.protocol import pkce
from oauth_service.protocol.authorization_request import CARRIED, AuthorizationRequest, NextStep, next_step
from oauth_service.protocol.errors import InvalidRequest, InvalidScope, UnauthorizedClient, UnsupportedResponseType
from oauth_service.protocol.parameters import Parameters

CHALLENGE = pkce.challenge_of("a" * 43)


@dataclass(frozen=True)
class Asking:
    """A client, as far as it may ask."""

    scope: str = "user profile"
    must_use_pkce: bool = False
    grant_types: str = "authorization_code"

    def may_use(self, grant_type: str, /) -> bool:
        return grant_type in self.grant_types.split()


def parsed(client: Asking | None = None, *, is_answer: bool = False, **sent: str) -> AuthorizationRequest:
    """A request that sent these parameters."""
    return AuthorizationRequest.parse(Parameters(sent.items()), client or Asking(), is_answer=is_answer)


def test_a_request_says_what_it_wants() -> None:
    """In its own order; the challenge goes with it."""
    request = parsed(response_type="code", scope="profile user", code_challenge=CHALLENGE, code_challenge_method="S256")
    assert request == AuthorizationRequest(scope="profile user", code_challenge=CHALLENGE)


def test_a_request_without_scope_wants_all_it_may_have() -> None:
    """ "A pre-defined default value" (RFC 6749 section 3.3)."""
    assert parsed(response_type="code") == AuthorizationRequest(scope="user profile", code_challenge="")


def test_an_answer_carries_everything_but_the_response_type() -> None:
    """Its absence is what makes it an answer; state and redirect_uri go by way of ReplyTo."""
    assert parsed(is_answer=True, scope="user").scope == "user"
    assert set(CARRIED) == {
        *("client_id", "redirect_uri", "response_mode"),
        *("scope", "state", "code_challenge", "code_challenge_method"),
    }


@pytest.mark.parametrize(
    ("client", "sent", "error", "description"),
    [
        (Asking(), {}, InvalidRequest, "response_type is missing"),
        (Asking(), {"response_type": "token"}, UnsupportedResponseType, "response_type must be code"),
        (Asking(), {"response_type": "code id_token"}, UnsupportedResponseType, "response_type must be code"),
        (
            Asking(),
            {"response_type": "code", "response_mode": "carrier pigeon"},
            InvalidRequest,
            "response_mode is not supported",
        ),
        (
            Asking(grant_types="refresh_token"),
            {"response_type": "code"},
            UnauthorizedClient,
            "this client may not use the authorization code grant",
        ),
        (
            Asking(),
            {"response_type": "code", "request": "eyJ"},
            InvalidRequest,
            "request is not supported: send the parameters themselves",
        ),
        (
            Asking(),
            {"response_type": "code", "request_uri": "urn:a"},
            InvalidRequest,
            "request_uri is not supported: send the parameters themselves",
        ),
        (
            Asking(),
            {"response_type": "code", "scope": "admin"},
            InvalidScope,
            "the scope is unknown or wider than allowed",
        ),
        (
            Asking(scope=""),
            {"response_type": "code"},
            InvalidScope,
            "no scope was asked for and the client has none by default",
        ),
        (
            Asking(must_use_pkce=True),
            {"response_type": "code"},
            InvalidRequest,
            "code_challenge is missing: this client must use PKCE",
        ),
    ],
)
def test_what_may_not_be_asked_is_refused_in_a_sentence(
    client: Asking, sent: dict[str, str], error: type[Exception], description: str
) -> None:
    """The client's developer reads it; nothing sent is echoed."""
    with pytest.raises(error) as refusal:
        AuthorizationRequest.parse(Parameters(sent.items()), client, is_answer=False)
    assert str(refusal.value) == description
    assert type(refusal.value) is error


def test_a_repeated_parameter_is_refused_even_if_nobody_reads_it() -> None:
    """RFC 6749 section 3.1: "MUST NOT be included more than once"."""
    parameters = Parameters([("response_type", "code"), ("nonce", "a"), ("nonce", "a")])
    with pytest.raises(InvalidRequest):
        AuthorizationRequest.parse(parameters, Asking(), is_answer=False)


@pytest.mark.parametrize(
    ("is_signed_in", "consented", "may_skip", "step"),
    [
        (False, "", True, NextStep.LOGIN),
        (False, "user profile", True, NextStep.LOGIN),
        (True, "", True, NextStep.ASK),
        (True, "user", True, NextStep.ASK),
        (True, "user profile", True, NextStep.ANSWER),
        (True, "profile calendar user", True, NextStep.ANSWER),
        (True, "user profile", False, NextStep.ASK),
    ],
)
def test_the_user_is_asked_unless_all_of_it_was_allowed(
    is_signed_in: bool, consented: str, may_skip: bool, step: NextStep
) -> None:
    """And only where something proves that the client is the one that it was allowed to."""
    request = AuthorizationRequest(scope="user profile", code_challenge="")
    assert next_step(request, is_signed_in=is_signed_in, consented_scope=consented, may_skip=may_skip) is step
