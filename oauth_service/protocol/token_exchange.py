"""Token exchange (RFC 8693): a service gets a token to act on behalf of a user."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from . import scope as scopes
from .errors import InvalidRequest, InvalidTarget, UnauthorizedClient
from .parameters import Parameters
from .sealed import Actor
from .secret import Secret

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
_TYPE = "urn:ietf:params:oauth:token-type:"
ACCESS_TOKEN, ID_TOKEN, JWT = f"{_TYPE}access_token", f"{_TYPE}id_token", f"{_TYPE}jwt"
TOKEN_TYPES = (ACCESS_TOKEN, ID_TOKEN, JWT)
"""The types of tokens that may be presented (section 3): neither a refresh token nor a code."""
MOST_ACTORS = 4
"""Longest chain of actors: the token contains each of them, and each use of the token looks each of them up."""
LONGEST_ACTOR = 255  # characters of an actor's sub or iss
MOST_TARGETS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRequest:
    """A token exchange request (section 2.1). actor_token and actor_token_type are empty for none."""

    subject_token: Secret
    subject_token_type: str
    actor_token: Secret
    actor_token_type: str
    targets: tuple[str, ...]
    scope: str

    @property
    def is_delegation(self) -> bool:
        """True if the client wants to be seen acting for the subject; False if it wants to impersonate it (section 1.1)."""
        return bool(self.actor_token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """
    The verified content of a subject token that is still valid.

    Attributes:
        client_id: of the client that it was issued to.
        scope, audience: the most that may be issued; () for no resource in particular.
        expires_at: in seconds since the epoch.
        act: the parties that act already, the current one first.
        is_impersonated: True if a client that is not in act obtained it by an exchange.
        may_act: the claim about who may act for the subject (section 4.4); None if there is none.
    """

    client_id: str
    scope: str
    audience: tuple[str, ...]
    expires_at: int
    act: tuple[Actor, ...] = ()
    is_impersonated: bool = False
    may_act: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """
    An exchange as a project's policy receives it, and may narrow it.

    Attributes:
        client_id: of the client that asks.
        subject_client_id: of the client that the subject token was issued to.
        app_client_id: of the app that the user allowed.
        user_id: primary key of the user.
        subject_token_type: one of TOKEN_TYPES.
        act: the parties that will act for the user, the current one first; () if the client impersonates the user.
        scope: names to be issued; may be narrowed.
        audience: identifiers of the resources that the token will be for, () for none in particular; may be narrowed.
        lifetime: in seconds; may be shortened.
    """

    client_id: str
    subject_client_id: str
    app_client_id: str
    user_id: Any
    subject_token_type: str
    act: tuple[Actor, ...]
    scope: tuple[str, ...]
    audience: tuple[str, ...]
    lifetime: int

    @property
    def is_delegation(self) -> bool:
        """True if the new token will show the acting parties."""
        return bool(self.act)


class ExchangeRefused(Exception):
    """Raised by a policy to refuse. Its text is only for the log, and should not contain a secret."""


class ExchangingClient(Protocol):
    """The columns that the rules read."""

    @property
    def client_id(self) -> str: ...
    @property
    def is_public(self) -> bool: ...
    @property
    def is_active(self) -> bool: ...
    @property
    def may_impersonate(self) -> bool: ...
    @property
    def may_delegate(self) -> bool: ...
    @property
    def exchangeable_by(self) -> str: ...
    @property
    def may_use(self) -> Any: ...


def parse(parameters: Parameters) -> ExchangeRequest:
    """
    Read a token exchange request.

    Raises:
        InvalidRequest: a parameter is missing, or a type is not supported.
        InvalidTarget: too many targets.

    RFC 8693 section 2.1.
    """
    subject_token = parameters.require("subject_token")
    subject_token_type = _supported(parameters.require("subject_token_type"), "subject_token_type")
    actor_token, actor_token_type = parameters.get("actor_token"), parameters.get("actor_token_type")
    if actor_token and not actor_token_type:
        raise InvalidRequest("actor_token_type is missing")
    if actor_token_type and not actor_token:
        # "It MUST NOT be included when the actor_token parameter is not present."
        raise InvalidRequest("actor_token_type was sent without actor_token")
    if actor_token_type:
        _supported(actor_token_type, "actor_token_type")
    if (wanted := parameters.get("requested_token_type")) not in ("", ACCESS_TOKEN):
        raise InvalidRequest(
            "requested_token_type is not supported: only access tokens are issued",
            detail=f"requested_token_type {wanted[:100]!r}",
        )
    targets = tuple(dict.fromkeys([*parameters.get_all("resource"), *parameters.get_all("audience")]))
    if len(targets) > MOST_TARGETS:
        raise InvalidTarget(f"more than {MOST_TARGETS} resources were named")
    return ExchangeRequest(
        subject_token=Secret(subject_token),
        subject_token_type=subject_token_type,
        actor_token=Secret(actor_token),
        actor_token_type=actor_token_type,
        targets=targets,
        scope=parameters.get("scope"),
    )


def check_permission(client: ExchangingClient, asked: ExchangeRequest) -> None:
    """
    Check that a client may make such a request at all.

    Raises:
        UnauthorizedClient: it is public, or lacks the permission to delegate or to impersonate.
    """
    if client.is_public:
        raise UnauthorizedClient("a public client may not exchange tokens", detail=f"client {client.client_id}")
    if asked.is_delegation and not client.may_delegate:
        raise UnauthorizedClient(
            "this client may not act for others: it may send no actor_token", detail=f"client {client.client_id}"
        )
    if not asked.is_delegation and not client.may_impersonate:
        raise UnauthorizedClient(
            "this client may not pass for others: actor_token is missing", detail=f"client {client.client_id}"
        )


def check_subject(subject: Subject, issued_to: ExchangingClient, client: ExchangingClient) -> None:
    """
    Check that the client that a subject token was issued to lets this client exchange it.

    Args:
        issued_to: the client that subject.client_id names.

    Raises:
        InvalidRequest: it does not.

    RFC 8693 section 2.2.2.
    """
    if not _lets(issued_to, client):
        raise InvalidRequest(
            "the subject token is another client's, which does not let this one exchange it",
            detail=f"client {issued_to.client_id} does not let client {client.client_id} exchange its tokens",
        )


def check_may_act(subject: Subject, actor: Actor | None, client: ExchangingClient, *, issuer: str) -> None:
    """
    Check the actor against the may_act claim of the subject token.

    Args:
        actor: None if the client impersonates the subject.
        issuer: of this server, for actors that have no issuer of their own.

    Raises:
        InvalidRequest: the claim names another actor, or has a form that cannot be honoured.

    RFC 8693 section 4.4.
    """
    if subject.may_act is None:
        return
    known = {"client_id": client.client_id}
    if actor:
        known |= {"sub": actor.sub, "iss": actor.iss or issuer}
    if not isinstance(subject.may_act, dict) or not subject.may_act or not subject.may_act.items() <= known.items():
        raise InvalidRequest(
            "the subject token does not let this actor act (may_act)", detail=f"client {client.client_id}: {known!r}"
        )


def chain(subject: Subject, actor: Actor | None) -> tuple[Actor, ...]:
    """
    Return the actors after an exchange, the current one first (section 4.1).

    Args:
        actor: None if the client impersonates the subject.

    Raises:
        InvalidRequest: the earlier actors would be hidden, or there would be too many.
    """
    if subject.is_impersonated:
        raise InvalidRequest("the subject token was got by impersonation, and is not exchanged again")
    if actor is None:
        if subject.act:
            raise InvalidRequest("the subject token says who acts: exchange it with an actor_token")
        return ()
    if len(subject.act) >= MOST_ACTORS:
        raise InvalidRequest(f"more than {MOST_ACTORS} would act one for the other")
    if max(len(actor.sub), len(actor.iss)) > LONGEST_ACTOR:
        raise InvalidRequest("the actor token has too long a name")
    return (actor, *subject.act)


def audience(targets: Sequence[str], subject: Subject) -> tuple[str, ...]:
    """
    Return the resources of the new token: those that the request names, or all of the subject token's if it names none.

    Raises:
        InvalidTarget: the subject token is not for one of them.
    """
    if excess := [each for each in targets if each not in subject.audience]:
        raise InvalidTarget(
            "the subject token is not for that resource or audience", detail=f"not in its audience: {excess!r}"[:400]
        )
    return tuple(targets) or subject.audience


def fault_of_policy(decided: object, asked: Exchange) -> str:
    """Say why a policy's answer is invalid; return "" if it is valid. A policy may only narrow scope, audience and lifetime."""
    if not isinstance(decided, Exchange):
        return "it must return the Exchange"
    if replace(decided, scope=asked.scope, audience=asked.audience, lifetime=asked.lifetime) != asked:
        return "it changed more than scope, audience and lifetime"
    if not set(decided.scope) <= set(asked.scope) or not set(decided.audience) <= set(asked.audience):
        return "it widened the exchange"
    if asked.audience and not decided.audience:
        return "no audience is a wider one; raise ExchangeRefused instead"
    if not 0 < decided.lifetime <= asked.lifetime:
        return "a lifetime is one second or more, and no longer than it was"
    return ""


def clients_of(client_id: str, act: Sequence[Actor]) -> tuple[str, ...]:
    """Return the client_ids of all clients that exchanged, the last one first; () for a token that was not exchanged."""
    return tuple(each.client_id for each in act) or ((client_id,) if client_id else ())


def fault_of_clients(
    app: ExchangingClient, found: Mapping[str, ExchangingClient], names: Sequence[str], *, is_delegation: bool
) -> str:
    """
    Say why an exchanged token is no longer valid, for the log; return "" if all clients may still exchange it.

    Args:
        app: the client that the user allowed.
        found: the registered clients, by client_id.
        names: from clients_of().
    """
    before = app
    for name in reversed(names):
        client = found.get(name)
        if client is None or not client.is_active:
            return f"client {name}, which acts, is unknown or deactivated"
        if client.is_public or not client.may_use(GRANT_TYPE):
            return f"client {name} may not exchange tokens any more"
        if not (client.may_delegate if is_delegation else client.may_impersonate):
            return f"client {name} may not {'act' if is_delegation else 'pass'} for others any more"
        if not _lets(before, client):
            return f"{before.client_id} is not exchangeable by {name} any more"
        before = client
    return ""


def scope_left(granted: str, clients: Collection[Any], *, implies: scopes.Implied = scopes.NOTHING) -> str:
    """Reduce a scope to what all the clients may have."""
    for client in clients:
        granted = scopes.intersection(granted, client.scope, implies=implies)
    return granted


def act_claim(act: Sequence[Actor]) -> dict[str, Any]:
    """Return the act claim, with earlier actors nested in later ones (section 4.1); {} for none. For JWTs and introspection."""
    claim: dict[str, Any] = {}
    for actor in reversed(act):
        members = {"sub": actor.sub, "iss": actor.iss, "client_id": actor.client_id}
        claim = {name: text for name, text in members.items() if text} | ({"act": claim} if claim else {})
    return claim


def read_act(claim: object) -> tuple[Actor, ...]:
    """
    Read an act claim that act_claim() has made: the actors, the current one first; () if there is none.

    Raises:
        ValueError: not such a claim.
    """
    actors: list[Actor] = []
    while claim is not None:
        if (
            not isinstance(claim, dict)
            or len(actors) == MOST_ACTORS
            or claim.keys() - {"sub", "iss", "client_id", "act"}
        ):
            raise ValueError("no act claim of ours")
        names = {name: text for name, text in claim.items() if name != "act"}
        if not all(isinstance(text, str) for text in names.values()):
            raise ValueError("an actor is not a string")
        actors.append(Actor(**names))
        claim = claim.get("act")
    return tuple(actors)


def _supported(token_type: str, name: str) -> str:
    if token_type not in TOKEN_TYPES:
        raise InvalidRequest(f"{name} is not supported", detail=f"{name} {token_type[:100]!r}")
    return token_type


def _lets(owner: ExchangingClient, client: ExchangingClient) -> bool:
    return owner.client_id == client.client_id or client.client_id in owner.exchangeable_by.split()
