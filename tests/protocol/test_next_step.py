"""The next step of an authorization request: prompt, max_age, acr, session, consent and client, crossed with each other."""

from dataclasses import dataclass
from itertools import product

import pytest

from oauth_service.protocol.errors import (
    ConsentRequired,
    InteractionRequired,
    LoginRequired,
    OAuthError,
    UnmetAuthenticationRequirements,
)
from oauth_service.protocol.interaction import Interaction
from oauth_service.protocol.next_step import NextStep, Person, next_step
from oauth_service.protocol.openid import AuthenticationEvent
from tests.clauses import clause

NOW = 1_000_000
FRESH, OLD = NOW - 5, NOW - 5_000


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The demands of a request."""

    scope_shown: str = "openid profile"
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    acr_values: tuple[str, ...] = ()
    acr_is_essential: bool = False


def person(
    *,
    auth_time: int = OLD,
    acr: str = "",
    consented: str = "openid profile",
    may_skip: bool = True,
    is_expected: bool = True,
) -> Person:
    """Return Alice, signed in."""
    event = AuthenticationEvent(auth_time=auth_time, acr=acr, sid="s", id="e")
    return Person(id="7", event=event, is_expected=is_expected, consented_scope=consented, may_skip=may_skip)


def prompts(*names: str) -> frozenset[str]:
    """Return a prompt parameter."""
    return frozenset(names)


DEMANDED = Interaction(since=NOW - 60, before="an earlier one")
TABLE = [
    # who, what, on the way, next
    (Asked(), None, Interaction(), NextStep.SIGN_IN),
    (Asked(prompt=prompts("login")), None, Interaction(), NextStep.SIGN_IN),
    (Asked(), person(), Interaction(), NextStep.ANSWER),
    (Asked(), person(consented=""), Interaction(), NextStep.ASK),
    (Asked(), person(consented="openid"), Interaction(), NextStep.ASK),
    (Asked(), person(consented="profile email openid"), Interaction(), NextStep.ANSWER),
    (Asked(), person(may_skip=False), Interaction(), NextStep.ASK),
    (Asked(), person(is_expected=False), Interaction(), NextStep.SIGN_IN_AGAIN),
    (Asked(prompt=prompts("consent")), person(), Interaction(), NextStep.ASK),
    (Asked(prompt=prompts("login")), person(), Interaction(), NextStep.SIGN_IN_AGAIN),
    (Asked(prompt=prompts("login")), person(auth_time=FRESH), Interaction(), NextStep.SIGN_IN_AGAIN),
    (Asked(prompt=prompts("login")), person(auth_time=FRESH), DEMANDED, NextStep.ANSWER),
    (Asked(prompt=prompts("login")), person(auth_time=OLD), DEMANDED, NextStep.SIGN_IN_AGAIN),
    (Asked(prompt=prompts("login", "consent")), person(auth_time=FRESH), DEMANDED, NextStep.ASK),
    (Asked(prompt=prompts("select_account")), person(), Interaction(), NextStep.CHOOSE_ACCOUNT),
    (Asked(prompt=prompts("select_account")), person(), Interaction(account="7"), NextStep.ANSWER),
    (Asked(prompt=prompts("select_account")), person(), Interaction(account="8"), NextStep.CHOOSE_ACCOUNT),
    (Asked(max_age=60), person(auth_time=FRESH), Interaction(), NextStep.ANSWER),
    (Asked(max_age=60), person(auth_time=OLD), Interaction(), NextStep.SIGN_IN_AGAIN),
    (Asked(max_age=60), person(auth_time=NOW + 60), Interaction(), NextStep.ANSWER),
    (Asked(max_age=60), person(auth_time=NOW + 61), Interaction(), NextStep.SIGN_IN_AGAIN),
    (Asked(max_age=0), person(auth_time=FRESH), Interaction(), NextStep.SIGN_IN_AGAIN),
    (Asked(max_age=0), person(auth_time=FRESH), DEMANDED, NextStep.ANSWER),
    (Asked(acr_values=("gold",)), person(acr="gold"), Interaction(), NextStep.ANSWER),
    (Asked(acr_values=("gold",)), person(), Interaction(), NextStep.STEP_UP),
    (Asked(acr_values=("platinum",)), person(), Interaction(), NextStep.ANSWER),
    (Asked(acr_values=("gold",)), person(), Interaction(stepped_up=True), NextStep.ANSWER),
    (Asked(acr_values=("gold",), acr_is_essential=True), person(), Interaction(), NextStep.STEP_UP),
]


@clause("OpenID Connect Core 1.0", "3.1.2.1")
@pytest.mark.parametrize(("asked", "who", "interaction", "step"), TABLE)
def test_each_request_has_its_next_step(
    asked: Asked, who: Person | None, interaction: Interaction, step: NextStep
) -> None:
    """Each row is a case of the specification."""
    assert next_step(asked, who, interaction, step_up=("gold",), now=NOW) is step


REFUSALS = {
    NextStep.SIGN_IN: LoginRequired,
    NextStep.SIGN_IN_AGAIN: LoginRequired,
    NextStep.STEP_UP: InteractionRequired,
    NextStep.ASK: ConsentRequired,
}


@clause("OpenID Connect Core 1.0", "3.1.2.6")
@pytest.mark.parametrize(
    ("who", "interaction", "step"), [(each[1], each[2], each[3]) for each in TABLE if not each[0].prompt]
)
def test_prompt_none_is_answered_without_a_page(who: Person | None, interaction: Interaction, step: NextStep) -> None:
    """ "The Authorization Server MUST NOT display any authentication or consent user interface pages." """
    asked = next(each[0] for each in TABLE if each[1:] == (who, interaction, step) and not each[0].prompt)
    silent = Asked(prompt=prompts("none"), max_age=asked.max_age, acr_values=asked.acr_values)
    if step is NextStep.ANSWER:
        assert next_step(silent, who, interaction, step_up=("gold",), now=NOW) is step
        return
    with pytest.raises(REFUSALS[step]):
        next_step(silent, who, interaction, step_up=("gold",), now=NOW)


@clause("OpenID Connect Core 1.0", "5.5.1.1")
@pytest.mark.parametrize(
    ("step_up", "interaction"),
    [((), Interaction()), (("gold",), Interaction(stepped_up=True))],
    ids=["no page", "in vain"],
)
def test_an_essential_acr_that_cannot_be_reached_fails(step_up: tuple[str, ...], interaction: Interaction) -> None:
    """ "The Authorization Server MUST treat that outcome as a failed authentication attempt." """
    asked = Asked(acr_values=("gold",), acr_is_essential=True)
    with pytest.raises(UnmetAuthenticationRequirements):
        next_step(asked, person(), interaction, step_up=step_up, now=NOW)


def every_case() -> list[tuple[Asked, Person | None, Interaction]]:
    """Cross everything with everything."""
    asked = [
        Asked(prompt=prompt, max_age=max_age, acr_values=acr, acr_is_essential=essential)
        for prompt, max_age, acr, essential in product(
            [prompts(), prompts("none"), prompts("login"), prompts("consent"), prompts("select_account", "login")],
            [None, 0, 60],
            [(), ("gold",)],
            [False, True],
        )
    ]
    people = [
        person(auth_time=auth_time, acr=acr, consented=consented, may_skip=may_skip, is_expected=is_expected)
        for auth_time, acr, consented, may_skip, is_expected in product(
            [FRESH, OLD], ["", "gold"], ["", "openid", "openid profile"], [False, True], [False, True]
        )
    ]
    ways = [Interaction(), DEMANDED, Interaction(account="7", since=NOW - 60), Interaction(stepped_up=True)]
    return list(product(asked, [None, *people], ways))


def test_no_combination_answers_for_nobody_or_without_consent() -> None:
    """Nothing else in the request changes that."""
    answered = 0
    for asked, who, interaction in every_case():
        try:
            step = next_step(asked, who, interaction, step_up=("gold",), now=NOW)
        except OAuthError:
            continue
        assert "none" not in asked.prompt or step is NextStep.ANSWER
        if step is not NextStep.ANSWER:
            continue
        answered += 1
        assert who is not None
        assert (who.is_expected, who.may_skip, "profile" in who.consented_scope) == (True, True, True)
        assert "consent" not in asked.prompt
        assert "login" not in asked.prompt or interaction.since
        assert who.event is not None
        assert asked.max_age is None or NOW - who.event.auth_time <= asked.max_age or interaction.since
        assert not asked.acr_is_essential or not asked.acr_values or who.event.acr in asked.acr_values
    assert answered > 100
