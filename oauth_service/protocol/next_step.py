"""The next step of an authorization request (OpenID Connect Core 1.0 sections 3.1.2.1 to 3.1.2.4)."""

from collections.abc import Collection
from enum import Enum
from typing import Protocol

from ..values import value_class
from . import scope
from .clock import MOST_SKEW
from .errors import (
    ConsentRequired,
    InteractionRequired,
    LoginRequired,
    OAuthError,
    UnmetAuthenticationRequirements,
)
from .interaction import Interaction
from .openid import AuthenticationEvent


class NextStep(Enum):
    """The next step of a request; the value is the reason."""

    SIGN_IN = "nobody is signed in"
    SIGN_IN_AGAIN = "the sign-in is not fresh enough, or somebody else's"
    STEP_UP = "the sign-in is not strong enough"
    CHOOSE_ACCOUNT = "the person has to choose an account"
    ASK = "the user has not allowed all of this yet"
    ANSWER = "the user has"


class Asked(Protocol):
    """The demands of a request on the sign-in and the consent."""

    @property
    def scope_shown(self) -> str: ...
    @property
    def prompt(self) -> frozenset[str]: ...
    @property
    def max_age(self) -> int | None: ...
    @property
    def acr_values(self) -> tuple[str, ...]: ...
    @property
    def acr_is_essential(self) -> bool: ...


@value_class(kw_only=True)
class Person:
    """
    The user of this browser.

    Attributes:
        id: primary key of the user as text.
        event: of the sign-in; None if the server is not an OpenID Provider.
        is_expected: False if id_token_hint or the claims parameter names another user.
        consented_scope: scope that this user has allowed this client before; "" for none.
        may_skip: True if the client may rely on that consent. A client whose identity is unproven may not
            (RFC 8252 section 8.6, RFC 9700 section 4.14): any app on a device can claim its redirect URI.
    """

    id: str
    event: AuthenticationEvent | None
    is_expected: bool
    consented_scope: str
    may_skip: bool


def next_step(
    asked: Asked,
    person: Person | None,
    interaction: Interaction,
    *,
    step_up: Collection[str],
    now: int,
    implies: scope.Implied = scope.NOTHING,
) -> NextStep:
    """
    Return the next step of a request that the client may make.

    Args:
        person: None if nobody is signed in.
        step_up: acr values that the project has a page for.
        now: seconds since the epoch.
        implies: what scopes imply: a user who has allowed a scope has allowed those, too.

    Raises:
        LoginRequired, ConsentRequired, InteractionRequired: prompt=none, but a page would have to be shown.
        UnmetAuthenticationRequirements: an essential acr cannot be reached.
    """
    step = _step(asked, person, interaction, step_up=step_up, now=now, implies=implies)
    if step is NextStep.ANSWER or "none" not in asked.prompt:
        return step
    # "The Authorization Server MUST NOT display any authentication or consent user interface pages" (section 3.1.2.1).
    raise _refusal(step)


def _step(
    asked: Asked,
    person: Person | None,
    interaction: Interaction,
    *,
    step_up: Collection[str],
    now: int,
    implies: scope.Implied,
) -> NextStep:
    if person is None:
        return NextStep.SIGN_IN
    if not person.is_expected:
        return NextStep.SIGN_IN_AGAIN
    if person.event and not _is_fresh(asked, person.event, interaction, now=now):
        return NextStep.SIGN_IN_AGAIN
    if person.event and asked.acr_values and person.event.acr not in asked.acr_values:
        if not interaction.stepped_up and any(acr in step_up for acr in asked.acr_values):
            return NextStep.STEP_UP
        # "If this is an Essential Claim and the requirement cannot be met, then the Authorization Server MUST treat that
        # outcome as a failed authentication attempt" (section 5.5.1.1). Voluntary ones are a preference.
        if asked.acr_is_essential:
            raise UnmetAuthenticationRequirements("the sign-in cannot reach the acr that is essential")
    if "select_account" in asked.prompt and interaction.account != person.id:
        return NextStep.CHOOSE_ACCOUNT
    is_covered = scope.covers(person.consented_scope, asked.scope_shown, implies=implies)
    if "consent" in asked.prompt or not (person.may_skip and person.consented_scope and is_covered):
        return NextStep.ASK
    return NextStep.ANSWER


def _is_fresh(asked: Asked, event: AuthenticationEvent, interaction: Interaction, *, now: int) -> bool:
    # A sign-in after the demand stays fresh, however long the user spends on the pages after it.
    is_another = event.id != interaction.before or event.auth_time > interaction.since
    if interaction.since and is_another and event.auth_time >= interaction.since:
        return True
    # "max_age=0 [...] is equivalent to prompt=login" (section 3.1.2.1, errata set 2).
    if "login" in asked.prompt or asked.max_age == 0:
        return False
    # A sign-in in the future happened on a server whose clock is ahead.
    return asked.max_age is None or -MOST_SKEW.total_seconds() <= now - event.auth_time <= asked.max_age


def _refusal(step: NextStep) -> OAuthError:
    match step:
        case NextStep.SIGN_IN | NextStep.SIGN_IN_AGAIN:
            return LoginRequired("the user has to sign in, and prompt is none", detail=step.value)
        case NextStep.ASK:
            return ConsentRequired("the user has to allow this, and prompt is none", detail=step.value)
        case _:
            return InteractionRequired("the user has to act, and prompt is none", detail=step.value)
