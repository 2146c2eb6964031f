"""The nine steps of the lifecycle guide: their titles, what each proves, and the clauses behind them."""

from dataclasses import dataclass

from simulation.exchange import Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of the guide; numbers count from 1."""

    number: int
    title: str
    proves: str
    rfc: str


STEPS: tuple[Step, ...] = (
    Step(
        number=1,
        title="The User Initiates Authorization",
        proves="The app sends Alice to the server with a request, and never asks for her password itself.",
        rfc="RFC 6749 section 4.1.1",
    ),
    Step(
        number=2,
        title="User Authenticates and Grants Consent",
        proves="Only the server learns who Alice is, and the app gets nothing before she clicks Allow.",
        rfc="RFC 6749 section 3.1",
    ),
    Step(
        number=3,
        title="Server Issues Authorization Code",
        proves="The browser carries a short-lived code, not a token; state and iss identify the response.",
        rfc="RFC 6749 section 4.1.2, RFC 9207 section 2",
    ),
    Step(
        number=4,
        title="Client Exchanges Code for Tokens",
        proves="A stolen code is not enough: the app authenticates itself, server to server.",
        rfc="RFC 6749 section 4.1.3",
    ),
    Step(
        number=5,
        title="Server Responds with Tokens",
        proves="The code is used up. The response names the tokens' lifetime and scope, and must not be cached.",
        rfc="RFC 6749 section 5.1",
    ),
    Step(
        number=6,
        title="Client Accesses a Protected Resource",
        proves="Only the access token opens what Alice allowed; requests without it are refused.",
        rfc="RFC 6750 section 2.1",
    ),
    Step(
        number=7,
        title="Client Refreshes the Access Token",
        proves="The connection lives on without Alice, and each refresh token is replaced when it is used.",
        rfc="RFC 6749 section 6, RFC 9700 section 4.14.2",
    ),
    Step(
        number=8,
        title="User Revokes Access",
        proves="Alice can end the connection from either side: in the app, or on the server without the app's help.",
        rfc="RFC 7009 section 1",
    ),
    Step(
        number=9,
        title="Revocation and Deauthorization Endpoints",
        proves="Revoked tokens are refused at once: one access token, one connection, or everything the app had.",
        rfc="RFC 7009 section 2",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """
    A way to get tokens, as numbered steps.

    Attributes:
        name: used to select it.
        title: heading of the run.
        outcome: what a complete run has shown, as the beginning of a sentence.
        steps: numbered from 1.
        counts_answers: True for the guide, which counts two kinds of responses as steps of their own.
    """

    name: str
    title: str
    outcome: str
    steps: tuple[Step, ...]
    counts_answers: bool = False

    def step(self, number: int) -> Step:
        """The step with this number."""
        return self.steps[number - 1]

    def step_of_answer(self, exchange: Exchange) -> int:
        """Number of the step that a response belongs to."""
        return exchange.response_step if self.counts_answers else exchange.step


GUIDE = Flow(
    name="code",
    title="The OAuth 2.0 lifecycle",
    outcome="The lifecycle is as the guide says",
    steps=STEPS,
    counts_answers=True,
)


def numbered(*steps: tuple[str, str, str]) -> tuple[Step, ...]:
    """Number steps that are given as title, what it proves, and clause."""
    return tuple(
        Step(number=number, title=title, proves=proves, rfc=rfc)
        for number, (title, proves, rfc) in enumerate(steps, start=1)
    )
