"""The authorization request: its parameters, and what a client may request."""

from dataclasses import dataclass

import pytest

from oauth_service.protocol import pkce
from oauth_service.protocol.authorization_request import CARRIED, AuthorizationRequest
from oauth_service.protocol.errors import (
    InvalidRequest,
    InvalidScope,
    RequestNotSupported,
    RequestURINotSupported,
    UnauthorizedClient,
    UnsupportedResponseType,
)
from oauth_service.protocol.parameters import Parameters
from tests.clauses import clause

CHALLENGE = pkce.challenge_of("a" * 43)


@dataclass(frozen=True)
class Asking:
    """A client's registration, as far as it limits requests."""

    scope: str = "user profile"
    must_use_pkce: bool = False
    grant_types: str = "authorization_code"
    default_max_age: int | None = None
    default_acr_values: str = ""

    def may_use(self, grant_type: str, /) -> bool:
        return grant_type in self.grant_types.split()

    def scope_for(self, grant_type: str, /) -> str:
        return self.scope


def parsed(client: Asking | None = None, *, is_answer: bool = False, **sent: str) -> AuthorizationRequest:
    """Parse a request with these parameters."""
    return AuthorizationRequest.parse(Parameters(sent.items()), client or Asking(), is_answer=is_answer)


def test_a_request_says_what_it_wants() -> None:
    """The order of the scope and the challenge are kept."""
    request = parsed(response_type="code", scope="profile user", code_challenge=CHALLENGE, code_challenge_method="S256")
    assert request == AuthorizationRequest(scope="profile user", code_challenge=CHALLENGE)


def test_a_request_without_scope_wants_all_it_may_have() -> None:
    """ "A pre-defined default value" (RFC 6749 section 3.3)."""
    assert parsed(response_type="code") == AuthorizationRequest(scope="user profile", code_challenge="")


def test_an_answer_carries_everything_but_the_response_type() -> None:
    """The missing response_type marks it as an answer; state and redirect_uri go through ReplyTo."""
    assert parsed(is_answer=True, scope="user").scope == "user"
    assert set(CARRIED) == {
        *("client_id", "redirect_uri", "response_mode"),
        *("scope", "state", "code_challenge", "code_challenge_method"),
        *("nonce", "prompt", "max_age", "acr_values", "claims", "login_hint", "id_token_hint", "ui_locales"),
        "interaction",
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
            RequestNotSupported,
            "request is not supported: send the parameters themselves",
        ),
        (
            Asking(),
            {"response_type": "code", "request_uri": "urn:a"},
            RequestURINotSupported,
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
    """The client's developer reads the sentence; it does not repeat any input."""
    with pytest.raises(error) as refusal:
        AuthorizationRequest.parse(Parameters(sent.items()), client, is_answer=False)
    assert str(refusal.value) == description
    assert type(refusal.value) is error


def test_a_repeated_parameter_is_refused_even_if_nobody_reads_it() -> None:
    """RFC 6749 section 3.1: "MUST NOT be included more than once"."""
    parameters = Parameters([("response_type", "code"), ("nonce", "a"), ("nonce", "a")])
    with pytest.raises(InvalidRequest):
        AuthorizationRequest.parse(parameters, Asking(), is_answer=False)


SCOPES = ("openid", "profile", "email", "offline_access")
CLIENT = Asking(scope="openid profile email offline_access", grant_types="authorization_code refresh_token")


def openid(client: Asking = CLIENT, **sent: str) -> AuthorizationRequest:
    """Parse an authentication request to an OpenID Provider."""
    parameters = Parameters(({"response_type": "code", "scope": "openid"} | sent).items())
    return AuthorizationRequest.parse(parameters, client, is_answer=False, openid_scopes=SCOPES)


@clause("OpenID Connect Core 1.0", "3.1.2.1")
@pytest.mark.parametrize("prompt", ["none login", "consent none", "none select_account"])
def test_prompt_none_stands_alone(prompt: str) -> None:
    """ "If this parameter contains none with any other value, an error is returned." """
    with pytest.raises(InvalidRequest) as refusal:
        openid(prompt=prompt)
    assert str(refusal.value) == "prompt is none with another value"


@clause("OpenID Connect Core 1.0", "3.1.2.1")
@pytest.mark.parametrize("max_age", ["-1", "1.5", "soon", "\u0663", "9" * 40])
def test_a_max_age_that_is_no_number_of_seconds_is_refused(max_age: str) -> None:
    """If it were ignored, an old sign-in would pass."""
    with pytest.raises(InvalidRequest) as refusal:
        openid(max_age=max_age)
    assert str(refusal.value) == "max_age is not a number of seconds"


@clause("OpenID Connect Core 1.0", "3.1.2.1")
def test_unknown_scopes_of_an_authentication_request_are_ignored() -> None:
    """ "Scope values used that are not understood by an implementation SHOULD be ignored." """
    assert openid(scope="openid profile carrier_pigeon").scope == "openid profile"


def test_a_known_scope_that_the_client_may_not_have_is_still_refused() -> None:
    """The server understands the scope, but the client may not have it."""
    with pytest.raises(InvalidScope):
        openid(Asking(scope="openid"), scope="openid email")


@clause("OpenID Connect Core 1.0", "11")
def test_offline_access_is_ignored_for_a_client_without_refresh_tokens() -> None:
    """Such a client could not use it."""
    assert openid(Asking(scope="openid offline_access"), scope="openid offline_access").scope == "openid"


def test_offline_access_and_openid_are_never_a_default() -> None:
    """Both change the response, so a client has to request them by name."""
    parameters = Parameters({"response_type": "code"}.items())
    request = AuthorizationRequest.parse(parameters, CLIENT, is_answer=False, openid_scopes=SCOPES)
    assert request.scope == "profile email"


def test_a_client_can_register_how_old_and_how_strong_a_sign_in_may_be() -> None:
    """Parameters of the request override the registration."""
    client = Asking(scope="openid", default_max_age=60, default_acr_values="gold")
    assert (openid(client).max_age, openid(client).acr_values) == (60, ("gold",))
    asked = openid(client, max_age="5", acr_values="silver bronze")
    assert (asked.max_age, asked.acr_values) == (5, ("silver", "bronze"))


def test_without_an_openid_provider_its_parameters_are_ignored() -> None:
    """RFC 6749 section 3.1: "The authorization server MUST ignore unrecognized request parameters"."""
    ignored = parsed(response_type="code", prompt="none login", max_age="soon", claims="{", acr_values="gold")
    assert ignored == AuthorizationRequest(scope="user profile", code_challenge="")
