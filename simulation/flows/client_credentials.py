"""Client credentials: a service gets tokens for itself (RFC 6749 section 4.4)."""

from dataclasses import replace

from simulation import checks
from simulation.cast import Cast, Party
from simulation.exchange import Exchange
from simulation.script import Fields
from simulation.stage import Stage
from simulation.steps import Flow, numbered

FLOW = Flow(
    name="client-credentials",
    title="Client credentials",
    outcome="The service got its tokens, and no other client got any",
    steps=numbered(
        (
            "The Service Gets a Token of Its Own",
            "No user is involved. The service authenticates itself, and gets no refresh token.",
            "RFC 6749 section 4.4",
        ),
        (
            "The Token Is for One API",
            "A token requested with a resource has the scope of that API only.",
            "RFC 8707 section 2",
        ),
        (
            "Requests That Are Refused",
            "A wrong secret, a public client, a client without this grant type, too much scope: each gets its own error.",
            "RFC 6749 section 5.2",
        ),
        (
            "The Token Has No User",
            "The token does not open a user's data: it is valid, but its scope is not enough.",
            "RFC 6750 section 3.1",
        ),
        (
            "The Service Revokes a Token",
            "A revoked token is refused at once; the service's other tokens stay valid.",
            "RFC 7009 section 2",
        ),
    ),
)


def play(cast: Cast, stage: Stage) -> None:
    """
    Play all steps.

    Raises:
        Deviation: at the first message that differs from the standards.
    """
    token, other = step_1_get_tokens(cast, stage), step_2_for_one_api(cast, stage)
    step_3_refusals(cast, stage)
    step_4_stands_for_nobody(cast, stage, token)
    step_5_revoke(cast, stage, token, other)


def step_1_get_tokens(cast: Cast, stage: Stage) -> str:
    """The service asks without naming a scope, and gets all it is registered for."""
    answer = asks(cast, stage, 1, "The service asks for a token", by=cast.service)
    return str(checks.issues_access_token(stage, 1, answer, scope=cast.service.scope)["access_token"])


def step_2_for_one_api(cast: Cast, stage: Stage) -> str:
    """The service names a resource, and the token has the scope of that API only."""
    fields = (("resource", cast.api.identifier),)
    answer = asks(cast, stage, 2, "The service asks for a token for one API", by=cast.service, fields=fields)
    return str(checks.issues_access_token(stage, 2, answer, scope=cast.api.scope)["access_token"])


def step_3_refusals(cast: Cast, stage: Stage) -> None:
    """Others get no token, and the service gets no more than it is registered for."""
    guess = replace(cast.service, client_secret="not-the-secret")
    checks.refuses_client(stage, 3, asks(cast, stage, 3, "Another client guesses the secret", by=guess))
    public = asks(cast, stage, 3, "A public client asks", by=cast.device)
    checks.refuses(stage, 3, public, error="unauthorized_client")
    other = asks(cast, stage, 3, "A client that is registered for users only asks", by=cast.app)
    checks.refuses(stage, 3, other, error="unauthorized_client")
    too_much = asks(cast, stage, 3, "The service asks for more", by=cast.service, fields=(("scope", "everything"),))
    checks.refuses(stage, 3, too_much, error="invalid_scope")
    unknown = (("resource", f"{cast.api.identifier}/unknown"),)
    nowhere = asks(cast, stage, 3, "The service asks for an unknown API", by=cast.service, fields=unknown)
    checks.refuses(stage, 3, nowhere, error="invalid_target")


def step_4_stands_for_nobody(cast: Cast, stage: Stage, token: str) -> None:
    """A token that a service got for itself does not open a user's data."""
    shut = stage.fetch(
        4,
        "The service asks for a user's data",
        cast.url("/userinfo/"),
        access_token=token,
        sender=cast.service.client_id,
    )
    checks.answers(stage, 4, shut, 403, "Forbidden")
    challenge = shut.header("WWW-Authenticate")
    stage.check(
        4,
        challenge.startswith("Bearer ") and 'error="insufficient_scope"' in challenge,
        expected='WWW-Authenticate: Bearer with error="insufficient_scope"',
        actual=challenge or "no challenge",
    )


def step_5_revoke(cast: Cast, stage: Stage, token: str, other: str) -> None:
    """The service revokes one token; its other token stays active."""
    done = stage.post(
        5, "The service revokes its token", cast.url("/oauth/revoke/"), (("token", token),), by=cast.service
    )
    checks.answers(stage, 5, done, 200, "OK")
    dead = stage.fetch(
        5, "The token is refused", cast.url("/userinfo/"), access_token=token, sender=cast.service.client_id
    )
    checks.refuses_access(stage, 5, dead, error="invalid_token")
    asked = (("token", other),)
    alive = stage.post(5, "The API asks about the other token", cast.url("/introspect/"), asked, by=cast.api_client)
    checks.is_active(stage, 5, alive, client_id=cast.service.client_id, aud=cast.api.identifier)


def asks(cast: Cast, stage: Stage, step: int, title: str, *, by: Party, fields: Fields = ()) -> Exchange:
    """Send a token request with client credentials."""
    return stage.post(step, title, cast.url("/token/"), (("grant_type", "client_credentials"), *fields), by=by)
