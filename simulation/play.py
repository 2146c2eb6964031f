"""The nine steps of the lifecycle guide, played over HTTP by Alice's browser and the app's backend."""

from simulation import checks, pages
from simulation.checks import Tokens
from simulation.exchange import Exchange
from simulation.script import Script
from simulation.stage import Stage


def play(script: Script, stage: Stage) -> None:
    """
    Play all nine steps, with both endings: logging out of the app, and disconnecting the app on the server.

    All earlier connections of this user with this client end, too.

    Raises:
        Deviation: at the first message that differs from the guide.
    """
    asked = step_1_initiate(script, stage)
    allowed = step_2_sign_in_and_allow(script, stage, asked)
    code = step_3_receive_the_code(script, stage, allowed)
    answer = step_4_exchange_the_code(script, stage, code)
    tokens = step_5_receive_the_tokens(script, stage, answer)
    step_6_use_the_access_token(script, stage, tokens)
    tokens = step_7_refresh(script, stage, tokens)

    step_8_log_out_of_the_app(stage)
    step_9_revoke_the_tokens(script, stage, tokens, spent_code=code)

    tokens, pending_code, page = step_8_manage_connected_apps(script, stage)
    step_9_deauthorise(script, stage, page, tokens, pending_code=pending_code)


def step_1_initiate(script: Script, stage: Stage) -> Exchange:
    """Alice clicks "Connect to OAuth Service"; she is not signed in, so the server asks her to."""
    if script.client_url:
        pages.connect(script, stage, 1)
        stage.narrate(1, "From here on the play replaces the app, with the guide's own request.")
    asked = stage.browse(1, "The app sends Alice to the server", script.authorise_url)
    stage.check(
        1,
        asked.status in {200, 302} and not asked.leaves,
        expected="no one is signed in yet: the sign-in page, or 302 to it",
        actual=asked.answer,
    )
    return asked


def step_2_sign_in_and_allow(script: Script, stage: Stage, asked: Exchange) -> Exchange:
    """Alice signs in, the same request goes on, she reads what the app asks for and clicks Allow."""
    goes_on = pages.sign_in(script, stage, 2, pages.follow(stage, 2, "Alice is shown the sign-in page", asked))
    if goes_on.leaves:
        stage.narrate(2, "Alice allowed this app before. She disconnects it first, so that she is asked again.")
        pages.deauthorise(script, stage, 2, pages.connected_apps(script, stage, 2))
        goes_on = stage.browse(2, "The app sends Alice to the server again", script.authorise_url)
    return pages.allow(script, stage, 2, goes_on)


def step_3_receive_the_code(script: Script, stage: Stage, allowed: Exchange) -> str:
    """The server redirects the browser to the app with a code; the app's own page is not opened."""
    return checks.redirects_with_a_code(stage, 3, allowed, script)


def step_4_exchange_the_code(script: Script, stage: Stage, code: str) -> Exchange:
    """The backend sends the code with its client_secret."""
    return stage.call(4, "The app exchanges the code", script.token_url, script.code_exchange(code))


def step_5_receive_the_tokens(script: Script, stage: Stage, answer: Exchange) -> Tokens:
    """The response has exactly the guide's five members, and must not be cached."""
    return checks.issues_tokens(stage, 5, answer, script)


def step_6_use_the_access_token(script: Script, stage: Stage, tokens: Tokens) -> None:
    """The access token opens Alice's data; a request without a token is refused."""
    expect_alice(script, stage, 6, "The app asks who Alice is", tokens)
    shut = stage.fetch(6, "A request without a token", script.userinfo_url)
    checks.refuses_access(stage, 6, shut, error="")


def step_7_refresh(script: Script, stage: Stage, tokens: Tokens) -> Tokens:
    """The refresh token gives a new pair without Alice, and both tokens are new."""
    renewed = refresh(script, stage, 7, "The app renews its access token", tokens)
    new_access, new_refresh = renewed.access_token != tokens.access_token, renewed.refresh_token != tokens.refresh_token
    stage.check(7, new_access, expected="a new access token", actual="the same access token again")
    stage.check(7, new_refresh, expected="a new refresh token", actual="the same refresh token again")
    expect_alice(script, stage, 7, "The app uses the new access token", renewed)
    return renewed


def step_8_log_out_of_the_app(stage: Stage) -> None:
    """Scenario A has no message between Alice and the server: the app's backend revokes her tokens in step 9."""
    stage.narrate(8, "Scenario A: Alice clicks Logout in the app, whose backend then revokes her tokens.")


def step_9_revoke_the_tokens(script: Script, stage: Stage, tokens: Tokens, *, spent_code: str) -> None:
    """
    Endpoint 1: revoking an access token ends it alone; a refresh token's access tokens end with it (RFC 7009 2.1).
    """
    revoke(script, stage, "The app revokes its access token", tokens.access_token)
    expect_no_access(script, stage, "The revoked access token is refused", tokens)

    tokens = refresh(script, stage, 9, "Only the access token ended: the refresh token still works", tokens)
    expect_alice(script, stage, 9, "The app uses its newest access token", tokens)

    revoke(script, stage, "The app revokes its refresh token", tokens.refresh_token)
    expect_no_access(script, stage, "Its access token ended with it", tokens)
    expect_no_grant(script, stage, "The revoked refresh token is refused", script.refresh(tokens.refresh_token))
    revoke(script, stage, "Revoking a token again is not an error", tokens.refresh_token)
    expect_no_grant(script, stage, "The code of step 3 was used up", script.code_exchange(spent_code))


def step_8_manage_connected_apps(script: Script, stage: Stage) -> tuple[Tokens, str, Exchange]:
    """Scenario B: a new connection, a second one whose code stays unused, then Manage Connected Apps."""
    stage.narrate(8, "Scenario B: Alice connects the app again, still signed in on the server.")
    answer = stage.call(
        8, "The app exchanges the code", script.token_url, script.code_exchange(new_code(script, stage))
    )
    tokens = checks.issues_tokens(stage, 8, answer, script)
    expect_alice(script, stage, 8, "The app is connected", tokens)
    stage.narrate(8, "She begins once more in another tab; this code stays unused.")
    pending_code = new_code(script, stage)
    stage.narrate(8, "Then she opens Manage Connected Apps on the server.")
    return tokens, pending_code, pages.connected_apps(script, stage, 8)


def step_9_deauthorise(script: Script, stage: Stage, page: Exchange, tokens: Tokens, *, pending_code: str) -> None:
    """Endpoint 2: consent, codes and tokens of this user and app all end at once."""
    pages.deauthorise(script, stage, 9, page)
    expect_no_access(script, stage, "The access token is refused", tokens)
    expect_no_grant(script, stage, "The refresh token is refused", script.refresh(tokens.refresh_token))
    expect_no_grant(script, stage, "The code that was still unused is refused", script.code_exchange(pending_code))

    unlisted = pages.revoke_form(script, pages.connected_apps(script, stage, 9)) is None
    stage.check(9, unlisted, expected="the app is no longer listed", actual="a form that revokes its access")
    asked = stage.browse(9, "Her consent is gone, too", script.authorise_url)
    forgotten = pages.consent_form(asked) is not None
    stage.check(9, forgotten, expected="the consent page: Alice would be asked again", actual=asked.answer)


def new_code(script: Script, stage: Stage) -> str:
    """Repeat steps 1-3 for a signed-in user; the server may or may not ask for consent again."""
    goes_on = stage.browse(8, "The app sends Alice to the server", script.authorise_url)
    allowed = goes_on if goes_on.leaves else pages.allow(script, stage, 8, goes_on)
    return checks.redirects_with_a_code(stage, 8, allowed, script)


def refresh(script: Script, stage: Stage, step: int, title: str, tokens: Tokens) -> Tokens:
    """Get a new pair for the refresh token."""
    answer = stage.call(step, title, script.token_url, script.refresh(tokens.refresh_token))
    return checks.issues_tokens(stage, step, answer, script)


def revoke(script: Script, stage: Stage, title: str, token: str) -> None:
    """Revoke a token; the response is 200 with an empty body, whatever the token was."""
    done = stage.call(9, title, f"{script.server_url}/oauth/revoke/", script.revocation(token))
    checks.answers(stage, 9, done, 200, "OK")
    stage.check(9, not done.response_body, expected="an empty body", actual=done.response_body[:80])


def expect_alice(script: Script, stage: Stage, step: int, title: str, tokens: Tokens) -> None:
    """Check that the access token opens Alice's data."""
    about_alice = stage.fetch(step, title, script.userinfo_url, access_token=tokens.access_token)
    checks.tells_about_alice(stage, step, about_alice, script)


def expect_no_access(script: Script, stage: Stage, title: str, tokens: Tokens) -> None:
    """Check that the access token is refused."""
    refused = stage.fetch(9, title, script.userinfo_url, access_token=tokens.access_token)
    checks.refuses_access(stage, 9, refused, error="invalid_token")


def expect_no_grant(script: Script, stage: Stage, title: str, message: dict[str, str]) -> None:
    """Check that the code or refresh token in the message is refused."""
    checks.refuses_grant(stage, 9, stage.call(9, title, script.token_url, message))
