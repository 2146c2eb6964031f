"""The authorization request (RFC 6749 section 4.1.1)."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol, Self

from . import pkce, scope
from .errors import InvalidRequest, UnauthorizedClient, UnsupportedResponseType
from .parameters import Parameters

RESPONSE_TYPES = ("code",)

# How the answer travels (OAuth 2.0 Multiple Response Type Encoding Practices section 2.1); the first is the default.
RESPONSE_MODES = ("query",)

# What the consent page carries from the request to the answer, so that nothing waits in the session.
CARRIED = ("client_id", "redirect_uri", "response_mode", "scope", "state", "code_challenge", "code_challenge_method")

# What decides about a request, be it by being refused: it goes through the login with the person.
DECIDING = ("response_type", *CARRIED, "request", "request_uri")


class RequestingClient(Protocol):
    """What a client may ask for."""

    @property
    def scope(self) -> str: ...
    @property
    def must_use_pkce(self) -> bool: ...
    def may_use(self, grant_type: str, /) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """
    A request that the client may make; whether the user allows it is another question.

    scope is space-delimited; code_challenge is "" for none.
    """

    scope: str
    code_challenge: str

    @classmethod
    def parse(cls, parameters: Parameters, client: RequestingClient, *, is_answer: bool) -> Self:
        """
        Read and check everything but client_id and redirect_uri, which ReplyTo has verified before.

        Args:
            is_answer: the user's answer from our own page carries the request again, without its response_type.

        Raises:
            InvalidRequest: a parameter missing, repeated or malformed.
            UnsupportedResponseType, UnauthorizedClient, InvalidScope: as their names say.
        """
        parameters.refuse_repeats()
        if not is_answer and (response_type := parameters.require("response_type")) not in RESPONSE_TYPES:
            raise UnsupportedResponseType("response_type must be code", detail=f"response_type {response_type[:100]!r}")
        # Not ignored: a client that looks for the answer elsewhere does not find it, and asks again for ever.
        if (response_mode := parameters.get("response_mode")) and response_mode not in RESPONSE_MODES:
            raise InvalidRequest("response_mode is not supported", detail=f"response_mode {response_mode[:100]!r}")
        if not client.may_use("authorization_code"):
            raise UnauthorizedClient("this client may not use the authorization code grant")
        for name in ("request", "request_uri"):
            if name in parameters:
                raise InvalidRequest(f"{name} is not supported: send the parameters themselves")
        return cls(
            scope=scope.requested(parameters.get("scope"), allowed=client.scope),
            code_challenge=pkce.requested(
                parameters.get("code_challenge"),
                parameters.get("code_challenge_method"),
                required=client.must_use_pkce,
            ),
        )


class NextStep(Enum):
    """What an authorization request waits for."""

    LOGIN = "the user is not signed in"
    ASK = "the user has not allowed all of this yet"
    ANSWER = "the user has"


def next_step(request: AuthorizationRequest, *, is_signed_in: bool, consented_scope: str, may_skip: bool) -> NextStep:
    """
    What comes next for a request that may be made.

    Args:
        consented_scope: what this user allowed this client before; "" for nothing.
        may_skip: whether this client may rely on it. A client whose identity nothing proves may not
            (RFC 8252 section 8.6, RFC 9700 section 4.14): any app on a device can claim its redirect URI.
    """
    if not is_signed_in:
        return NextStep.LOGIN
    if may_skip and consented_scope and scope.covers(consented_scope, request.scope):
        return NextStep.ANSWER
    return NextStep.ASK
