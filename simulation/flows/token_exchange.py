"""Token exchange: a gateway acts for a user of an app (RFC 8693)."""

import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256

from simulation import checks, pages
from simulation.cast import ACCESS_TOKEN, TOKEN_EXCHANGE, Cast, Party
from simulation.exchange import Exchange
from simulation.flows.client_credentials import asks as asks_for_a_token
from simulation.flows.introspection import asks as asks_about
from simulation.script import Fields, Script
from simulation.stage import Stage
from simulation.steps import Flow, numbered

FLOW = Flow(
    name="token-exchange",
    title="Token exchange",
    outcome="The gateway acted for Alice, within her consent and no longer",
    steps=numbered(
        (
            "Alice Connects the App",
            "She allows the app two APIs, and sees which service may act through it.",
            "RFC 6749 section 4.1, RFC 7636, RFC 8707 section 2",
        ),
        (
            "The Gateway Gets a Token of Its Own",
            "This token will name the gateway as the actor.",
            "RFC 8693 section 1.1",
        ),
        (
            "The Gateway Exchanges the App's Token",
            "The new token is for one API, has less scope, lives no longer, and comes without a refresh token.",
            "RFC 8693 section 2",
        ),
        (
            "The API Looks at the Token",
            "It sees Alice as the user, and the gateway as the client and the actor.",
            "RFC 8693 section 4.1, RFC 7662 section 2.2",
        ),
        (
            "Requests That Are Refused",
            "More scope, another API, another service, and tokens without a user.",
            "RFC 8693 section 2.2.2",
        ),
        (
            "Alice Disconnects the App",
            "The gateway's token ends with the app's connection.",
            "RFC 7662 section 2.2",
        ),
    ),
)
MEMBERS = frozenset({"issued_token_type"})


def play(cast: Cast, stage: Stage) -> None:
    """
    Play all steps. All earlier connections of this user with the app end, too.

    Raises:
        Deviation: at the first message that differs from the standards.
    """
    verifier = secrets.token_urlsafe(32)
    script = cast.script(cast.app, more=asked_besides(cast, verifier))
    app_token, seconds = step_1_connect(cast, script, stage, verifier)
    gateway_token = step_2_get_an_actor_token(cast, stage)
    exchanged = step_3_exchange(cast, stage, app_token, gateway_token, seconds)
    step_4_look(cast, stage, app_token, exchanged)
    step_5_refusals(cast, stage, app_token, gateway_token)
    step_6_cut_off(cast, script, stage, app_token, gateway_token, exchanged)


def step_1_connect(cast: Cast, script: Script, stage: Stage, verifier: str) -> tuple[str, int]:
    """Alice connects the app; return its access token for both APIs, and the token's lifetime in seconds."""
    asked = stage.browse(1, "The app sends Alice to the server", script.authorise_url)
    goes_on = pages.sign_in(script, stage, 1, pages.follow(stage, 1, "Alice is shown the sign-in page", asked))
    if goes_on.leaves:
        stage.narrate(1, "Alice allowed this app before. She disconnects it first, so that she is asked again.")
        pages.deauthorise(script, stage, 1, pages.connected_apps(script, stage, 1))
        goes_on = stage.browse(1, "The app sends Alice to the server again", script.authorise_url)
    for name in (cast.gateway.name, cast.api.name, cast.other_api.name):
        stage.check(
            1, name in goes_on.response_body, expected=f"the consent page names {name}", actual="a page without it"
        )
    code = checks.redirects_with_a_code(stage, 1, pages.allow(script, stage, 1, goes_on), script)
    fields = (
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", script.redirect_uri),
        ("code_verifier", verifier),
    )
    answer = stage.post(1, "The app exchanges the code", cast.url("/token/"), fields, by=cast.app)
    tokens = checks.issues_access_token(stage, 1, answer, scope=cast.app.scope, more=frozenset({"refresh_token"}))
    return str(tokens["access_token"]), int(str(tokens["expires_in"]))


def step_2_get_an_actor_token(cast: Cast, stage: Stage) -> str:
    """The gateway gets the token that will name it as the actor."""
    answer = asks_for_a_token(cast, stage, 2, "The gateway asks for a token", by=cast.gateway)
    return str(checks.issues_access_token(stage, 2, answer, scope=cast.gateway.scope)["access_token"])


def step_3_exchange(cast: Cast, stage: Stage, app_token: str, gateway_token: str, seconds: int) -> str:
    """The app has called the gateway with its token; the gateway exchanges it for a token for one API."""
    narrower = (("scope", cast.api.scope), ("resource", cast.api.identifier))
    title = "The gateway exchanges the token that the app called it with"
    answer = exchanges(cast, stage, 3, title, subject=app_token, actor=gateway_token, fields=narrower)
    members = checks.issues_access_token(stage, 3, answer, scope=cast.api.scope, more=MEMBERS)
    kind, lives = members["issued_token_type"], int(str(members["expires_in"]))
    stage.check(3, kind == ACCESS_TOKEN, expected=f"issued_token_type is {ACCESS_TOKEN}", actual=kind)
    stage.check(3, lives <= seconds, expected="it lives no longer than the app's token", actual=f"{lives} seconds")
    return str(members["access_token"])


def step_4_look(cast: Cast, stage: Stage, app_token: str, exchanged: str) -> None:
    """The API sees the user and the actor."""
    own = asks_about(cast, stage, 4, "The API asks about the app's own token", app_token, by=cast.api_client)
    alice = checks.is_active(stage, 4, own, client_id=cast.app.client_id)
    stage.check(4, "act" not in alice, expected="the app's own token has no actor", actual="act")
    answer = asks_about(cast, stage, 4, "The API asks about the gateway's token", exchanged, by=cast.api_client)
    members = checks.is_active(
        stage,
        4,
        answer,
        client_id=cast.gateway.client_id,
        sub=alice.get("sub"),
        scope=cast.api.scope,
        aud=cast.api.identifier,
    )
    act = members.get("act")
    acts = isinstance(act, dict) and act.get("sub") == cast.gateway.client_id
    stage.check(4, acts, expected=f"act says that {cast.gateway.client_id} acts", actual=act)


def step_5_refusals(cast: Cast, stage: Stage, app_token: str, gateway_token: str) -> None:
    """Each refusal has its own error."""

    def refused(
        title: str,
        error: str,
        *,
        subject: str = app_token,
        actor: str = gateway_token,
        by: Party = cast.gateway,
        fields: Fields = (),
    ) -> None:
        answer = exchanges(cast, stage, 5, title, subject=subject, actor=actor, by=by, fields=fields)
        checks.refuses(stage, 5, answer, error=error)

    refused("The gateway wants to impersonate Alice", "unauthorized_client", actor="")
    refused("A service that is not registered for it exchanges", "unauthorized_client", by=cast.service)
    refused("The gateway asks for more scope", "invalid_scope", fields=(("scope", "user"),))
    elsewhere = (("resource", f"{cast.api.identifier}/unknown"),)
    refused("The gateway asks for an API that Alice did not allow", "invalid_target", fields=elsewhere)
    refused(
        "The gateway presents a token that was never issued", "invalid_request", subject="AT_nobody_has_issued_this"
    )
    refused("The gateway presents its own token, which has no user", "invalid_request", subject=gateway_token)
    refused("The gateway presents the app's token as the actor's", "invalid_request", actor=app_token)


def step_6_cut_off(
    cast: Cast, script: Script, stage: Stage, app_token: str, gateway_token: str, exchanged: str
) -> None:
    """Alice disconnects the app, and the gateway's token ends with it."""
    pages.deauthorise(script, stage, 6, pages.connected_apps(script, stage, 6))
    for title, token in (("the gateway's token", exchanged), ("the app's", app_token)):
        answer = asks_about(cast, stage, 6, f"The API asks about {title}", token, by=cast.api_client)
        checks.is_inactive(stage, 6, answer)
    late = exchanges(cast, stage, 6, "The gateway exchanges once more", subject=app_token, actor=gateway_token)
    checks.refuses(stage, 6, late, error="invalid_request")


def exchanges(
    cast: Cast,
    stage: Stage,
    step: int,
    title: str,
    *,
    subject: str,
    actor: str = "",
    by: Party | None = None,
    fields: Fields = (),
) -> Exchange:
    """
    Send a token exchange request.

    Args:
        subject: the user's access token.
        actor: the actor's access token; "" to impersonate the user.
        by: the client that exchanges; the gateway by default.
    """
    acts: Fields = (("actor_token", actor), ("actor_token_type", ACCESS_TOKEN)) if actor else ()
    asked = (
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token", subject),
        ("subject_token_type", ACCESS_TOKEN),
        *acts,
        *fields,
    )
    return stage.post(step, title, cast.url("/token/"), asked, by=by or cast.gateway)


def asked_besides(cast: Cast, verifier: str) -> Fields:
    """Parameters of the app's authorization request beyond the guide's: PKCE, and both APIs."""
    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return (
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
        ("resource", cast.api.identifier),
        ("resource", cast.other_api.identifier),
    )
