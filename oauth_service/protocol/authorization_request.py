"""The authorization request (RFC 6749 section 4.1.1)."""

from collections.abc import Collection
from dataclasses import field, replace
from typing import Any, Protocol, Self

from ..values import value_class
from . import interaction, pkce, resource_indicators, scope, scope_choice
from .claims_request import ClaimsRequest
from .errors import (
    InvalidRequest,
    RegistrationNotSupported,
    RequestNotSupported,
    RequestURINotSupported,
    UnauthorizedClient,
    UnsupportedResponseType,
)
from .grant_type import AUTHORIZATION_CODE
from .parameters import Parameters
from .reply_to import RESPONSE_MODES
from .scope import NOTHING, Implied

RESPONSE_TYPES = ("code",)

# Parameters that the consent page carries from the request to the user's answer, so that nothing waits in the session.
CARRIED = (
    "client_id",
    "redirect_uri",
    "response_mode",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "prompt",
    "max_age",
    "acr_values",
    "claims",
    "login_hint",
    "id_token_hint",
    "ui_locales",
    interaction.PARAMETER,
)
# May be sent several times; the consent page carries every value (RFC 8707).
REPEATABLE = (resource_indicators.PARAMETER,)
# Parameters that affect the outcome, even if only by a refusal: they are kept while the user signs in.
DECIDING = ("response_type", *CARRIED, *REPEATABLE, "request", "request_uri", "registration")

PROMPTS = frozenset({"none", "login", "consent", "select_account"})
_MAX_NONCE_LENGTH = 1000
_MAX_MAX_AGE = 10**10


class RequestingClient(Protocol):
    """The limits that a client's registration sets on its requests."""

    @property
    def scope(self) -> str: ...
    @property
    def must_use_pkce(self) -> bool: ...
    @property
    def default_max_age(self) -> int | None: ...
    @property
    def default_acr_values(self) -> str: ...
    def may_use(self, grant_type: str, /) -> bool: ...
    def scope_for(self, grant_type: str, /) -> str: ...


@value_class(kw_only=True)
class AuthorizationRequest:
    """
    A request that the client may make; the user may still deny it.

    Attributes:
        scope: space-delimited.
        code_challenge: "" for none.
        resources: identifiers of the requested APIs; () if the request names none.
        prompt: values of PROMPTS; max_age: in seconds; both only for an OpenID Provider.
        acr_values: accepted by the client, the preferred one first.
        acr_is_essential: True if the sign-in must have one of acr_values.
        nonce, claims: only for a request with the scope openid.
        login_hint, id_token_hint: as sent, "" for none.
    """

    scope: str
    code_challenge: str
    resources: tuple[str, ...] = ()
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    acr_values: tuple[str, ...] = ()
    acr_is_essential: bool = False
    nonce: str = ""
    claims: ClaimsRequest = field(default_factory=ClaimsRequest)
    login_hint: str = ""
    id_token_hint: str = ""

    @property
    def is_openid(self) -> bool:
        """True for an authentication request (OpenID Connect Core section 3.1.2.1)."""
        return "openid" in self.scope.split()

    @property
    def depends_on_sign_in(self) -> bool:
        """True if the answer depends on how and when the user signed in."""
        return self.is_openid or bool(self.prompt or self.acr_values or self.id_token_hint) or self.max_age is not None

    @property
    def scope_shown(self) -> str:
        """All scopes that the user must see and allow, including those of individually requested claims."""
        return scope.union(self.scope, self.claims.scope)

    def within(self, granted: str, *, resources: tuple[str, ...], implies: Implied = NOTHING) -> Self:
        """
        Return the request, reduced to what the user allowed.

        Args:
            granted: the allowed part of scope_shown.
            resources: identifiers of the APIs at which the user allowed something.
            implies: what scopes imply.
        """
        names = granted.split()
        return replace(
            self,
            scope=" ".join(name for name in self.scope.split() if name in names),
            claims=self.claims.within(scope.expanded(granted, implies)),
            resources=resources,
        )

    @classmethod
    def parse(
        cls,
        parameters: Parameters,
        client: RequestingClient,
        *,
        is_answer: bool,
        openid_scopes: Collection[str] = (),
        resources: tuple[str, ...] = (),
        allowed: str | None = None,
        implies: Implied = NOTHING,
    ) -> Self:
        """
        Read and check all parameters except client_id and redirect_uri, which ReplyTo has verified.

        Args:
            is_answer: True for the answer from our own page, which repeats the request without its response_type.
            openid_scopes: every scope of an OpenID Provider and of the resources; () if the server is not one.
            resources: identifiers that the request names and may name.
            allowed: scope that the client may have at them; None for all that it may get with a code.
            implies: what scopes imply.

        Raises:
            InvalidRequest: a parameter is missing, repeated or malformed.
            UnsupportedResponseType, UnauthorizedClient, InvalidScope: see their docstrings.
            RequestNotSupported, RequestURINotSupported, RegistrationNotSupported: the parameter was sent.
        """
        parameters.refuse_repeats(allowed=frozenset((*REPEATABLE, scope_choice.TICKED) if is_answer else REPEATABLE))
        if not is_answer and (response_type := parameters.require("response_type")) not in RESPONSE_TYPES:
            raise UnsupportedResponseType("response_type must be code", detail=f"response_type {response_type[:100]!r}")
        # An unknown value is refused, not ignored: a client that waits for the answer elsewhere would ask again for ever.
        if (response_mode := parameters.get("response_mode")) and response_mode not in RESPONSE_MODES:
            raise InvalidRequest("response_mode is not supported", detail=f"response_mode {response_mode[:100]!r}")
        if not client.may_use("authorization_code"):
            raise UnauthorizedClient("this client may not use the authorization code grant")
        if "request" in parameters:
            raise RequestNotSupported("request is not supported: send the parameters themselves")
        if "request_uri" in parameters:
            raise RequestURINotSupported("request_uri is not supported: send the parameters themselves")
        if "registration" in parameters:
            raise RegistrationNotSupported("registration is not supported: register the client first")
        allowed = client.scope_for(AUTHORIZATION_CODE) if allowed is None else allowed
        granted = requested_scope(
            parameters.get("scope"), client, openid_scopes=openid_scopes, allowed=allowed, implies=implies
        )
        about_sign_in = _about_sign_in(parameters, client, granted, implies) if openid_scopes else {}
        return cls(
            scope=granted,
            resources=resources,
            **about_sign_in,
            code_challenge=pkce.requested(
                parameters.get("code_challenge"),
                parameters.get("code_challenge_method"),
                required=client.must_use_pkce,
            ),
        )


def requested_scope(
    wanted: str,
    client: RequestingClient,
    *,
    allowed: str,
    openid_scopes: Collection[str] = (),
    implies: Implied = NOTHING,
) -> str:
    """
    Return the scope that a client asks the user for (RFC 6749 section 3.3).

    If the request has the scope openid, unknown scopes are ignored; offline_access is ignored if the client has no
    refresh tokens.

    Args:
        wanted: the scope parameter; "" if it was left out.
        openid_scopes: every scope of an OpenID Provider; () if the server is not one.
        allowed: what the client may have.
        implies: what scopes imply.

    Raises:
        InvalidScope: malformed, wider than allowed, or empty.
    """
    if "openid" in openid_scopes and "openid" in wanted.split():
        # "Scope values used that are not understood by an implementation SHOULD be ignored" (Core section 3.1.2.1).
        wanted = scope.intersection(wanted, " ".join(openid_scopes), implies=implies)
    if not client.may_use("refresh_token"):
        wanted = " ".join(name for name in wanted.split(" ") if name != "offline_access")
    if not wanted and openid_scopes:
        # openid and offline_access change the response: a client has to ask for them by name.
        wanted = " ".join(each for each in allowed.split() if each not in ("openid", "offline_access"))
    return scope.requested(wanted, allowed=allowed, implies=implies)


def _about_sign_in(parameters: Parameters, client: RequestingClient, granted: str, implies: Implied) -> dict[str, Any]:
    prompt = frozenset(parameters.get("prompt").split()) & PROMPTS
    if "none" in prompt and len(prompt) > 1:
        # "If this parameter contains none with any other value, an error is returned" (section 3.1.2.1).
        raise InvalidRequest("prompt is none with another value")
    max_age: int | None = client.default_max_age
    if sent := parameters.get("max_age"):
        if not (sent.isascii() and sent.isdecimal()) or len(sent) > len(str(_MAX_MAX_AGE)):
            raise InvalidRequest("max_age is not a number of seconds")
        max_age = int(sent)
    is_openid = "openid" in granted.split()
    claims = ClaimsRequest()
    if is_openid:
        may_have = scope.expanded(client.scope_for(AUTHORIZATION_CODE), implies)
        claims = ClaimsRequest.parse(parameters.get("claims")).within(may_have)
    if len(nonce := parameters.get("nonce")) > _MAX_NONCE_LENGTH:
        raise InvalidRequest(f"nonce is longer than {_MAX_NONCE_LENGTH} characters")
    acr_values = claims.acr_values or tuple((parameters.get("acr_values") or client.default_acr_values).split())
    return {
        "prompt": prompt,
        "max_age": max_age,
        "acr_values": acr_values,
        "acr_is_essential": bool(claims.acr_values) and claims.acr_is_essential,
        "nonce": nonce if is_openid else "",
        "claims": claims,
        "login_hint": parameters.get("login_hint"),
        "id_token_hint": parameters.get("id_token_hint"),
    }
