"""Introspection: an API asks the server about a token (RFC 7662)."""

from dataclasses import replace

from simulation import checks
from simulation.cast import Api, Cast, Party
from simulation.exchange import Exchange
from simulation.flows.client_credentials import asks as asks_for_a_token
from simulation.stage import Stage
from simulation.steps import Flow, numbered

FLOW = Flow(
    name="introspection",
    title="Introspection",
    outcome="The API learned about its own tokens, and no client learned more",
    steps=numbered(
        (
            "A Service Gets a Token for Each of Two APIs",
            "Each token is for one API.",
            "RFC 8707 section 2",
        ),
        (
            "The API Asks about a Token",
            "The response names the client, the scope and the end of the token, and must not be cached.",
            "RFC 7662 section 2.2",
        ),
        (
            "Questions without an Answer",
            "A token of another API, an unknown token, another client: the same response reveals nothing.",
            "RFC 7662 section 4",
        ),
        (
            "The Token Ends",
            "A revoked token is inactive at the next request.",
            "RFC 7009 section 2, RFC 7662 section 2.2",
        ),
    ),
)
MEMBERS = ["active", "client_id", "scope", "sub", "iss", "token_type", "exp", "iat", "aud", "jti"]


def play(cast: Cast, stage: Stage) -> None:
    """
    Play all steps.

    Raises:
        Deviation: at the first message that differs from the standards.
    """
    token, other = (step_1_get_a_token(cast, stage, api) for api in (cast.api, cast.other_api))
    step_2_ask(cast, stage, token)
    step_3_hear_nothing(cast, stage, token, other)
    step_4_revoke(cast, stage, token)


def step_1_get_a_token(cast: Cast, stage: Stage, api: Api) -> str:
    """The service asks for a token for one API."""
    title = f"The service asks for a token for {api.name}"
    answer = asks_for_a_token(cast, stage, 1, title, by=cast.service, fields=(("resource", api.identifier),))
    return str(checks.issues_access_token(stage, 1, answer, scope=api.scope)["access_token"])


def step_2_ask(cast: Cast, stage: Stage, token: str) -> None:
    """The API received the token in a request, and asks the server about it."""
    answer = asks(cast, stage, 2, "The API asks about the token", token, by=cast.api_client)
    members = checks.is_active(
        stage,
        2,
        answer,
        client_id=cast.service.client_id,
        scope=cast.api.scope,
        sub=cast.service.client_id,
        iss=cast.server_url,
        token_type="Bearer",
        aud=cast.api.identifier,
    )
    checks.has_exactly(stage, 2, members, MEMBERS)
    issued_at, ends_at = members["iat"], members["exp"]
    held = isinstance(issued_at, int) and isinstance(ends_at, int) and ends_at > issued_at
    stage.check(2, held, expected="exp is after iat, both in seconds", actual=f"iat {issued_at}, exp {ends_at}")
    own = asks(cast, stage, 2, "The service asks about its own token", token, by=cast.service)
    checks.is_active(stage, 2, own, client_id=cast.service.client_id)


def step_3_hear_nothing(cast: Cast, stage: Stage, token: str, other: str) -> None:
    """A token for another API and a token that was never issued get the same response."""
    titles = {
        f"The API asks about a token for {cast.other_api.name}": (other, cast.api_client),
        "The API asks about a token that was never issued": ("AT_nobody_has_ever_issued_this", cast.api_client),
        "A client asks about another client's token": (token, cast.gateway),
    }
    for title, (about, by) in titles.items():
        checks.is_inactive(stage, 3, asks(cast, stage, 3, title, about, by=by))
    guess = replace(cast.api_client, client_secret="not-the-secret")
    checks.refuses_client(stage, 3, asks(cast, stage, 3, "Another client guesses the API's secret", token, by=guess))
    public = asks(cast, stage, 3, "A public client asks", token, by=cast.device)
    checks.refuses_client(stage, 3, public)


def step_4_revoke(cast: Cast, stage: Stage, token: str) -> None:
    """The service revokes its token."""
    done = stage.post(
        4, "The service revokes its token", cast.url("/oauth/revoke/"), (("token", token),), by=cast.service
    )
    checks.answers(stage, 4, done, 200, "OK")
    checks.is_inactive(stage, 4, asks(cast, stage, 4, "The API asks again", token, by=cast.api_client))


def asks(cast: Cast, stage: Stage, step: int, title: str, token: str, *, by: Party) -> Exchange:
    """Ask the server about a token."""
    return stage.post(step, title, cast.url("/introspect/"), (("token", token),), by=by)
