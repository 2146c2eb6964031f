"""Device authorization: a user connects a television from another screen (RFC 8628)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from simulation import checks, pages
from simulation.cast import DEVICE_CODE, Cast, Party
from simulation.exchange import Exchange
from simulation.forms import Form, forms_of
from simulation.stage import Stage
from simulation.steps import Flow, numbered

FLOW = Flow(
    name="device",
    title="Device authorization",
    outcome="Alice, and no one else, connected the device",
    steps=numbered(
        (
            "The Device Asks for a Code",
            "It has no browser. It gets a short code to show, and a long code that it never shows.",
            "RFC 8628 section 3.1",
        ),
        (
            "The Device Waits",
            "It gets nothing before Alice decides. If it polls too often, it has to slow down. No other client can use its code.",
            "RFC 8628 section 3.5",
        ),
        (
            "Alice Opens the Page and Compares the Code",
            "Only the server learns who she is. Opening the link decides nothing.",
            "RFC 8628 section 3.3",
        ),
        (
            "Alice Allows the Device",
            "She sees which app asks, and is asked each time.",
            "RFC 8628 section 5.4",
        ),
        (
            "The Device Gets Its Tokens",
            "It waits for the interval, then polls again. The tokens open what Alice allowed, and can be renewed.",
            "RFC 8628 section 3.4",
        ),
        (
            "The Code Is Used Again",
            "A code is good for one use. A second use ends the connection that the first one made.",
            "RFC 6749 section 10.5",
        ),
        (
            "Alice Denies the Next Device",
            "The device gets an error that tells it to stop.",
            "RFC 8628 section 3.5",
        ),
        (
            "Alice Disconnects the Device",
            "It is listed among her connected apps like any other.",
            "RFC 7009 section 1",
        ),
    ),
)
MEMBERS = ["device_code", "user_code", "verification_uri", "verification_uri_complete", "expires_in", "interval"]
USER_CODE = re.compile("[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}")
SLOWER_BY = 5  # seconds, for each slow_down (section 3.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The response to the device; interval in seconds."""

    device_code: str = field(repr=False)
    user_code: str = field(repr=False)
    page: str
    interval: int


def play(cast: Cast, stage: Stage) -> None:
    """
    Play all steps. All earlier connections of this user with this client end, too.

    Raises:
        Deviation: at the first message that differs from the standards.
    """
    begun = step_1_begin(cast, stage, 1)
    interval = step_2_wait(cast, stage, begun)
    asked = step_3_compare(cast, stage, begun)
    step_4_allow(cast, stage, asked)
    tokens = step_5_get_tokens(cast, stage, begun, interval)
    step_6_replay(cast, stage, begun, tokens)
    step_7_deny(cast, stage)
    step_8_cut_off(cast, stage)


def step_1_begin(cast: Cast, stage: Stage, step: int) -> Begun:
    """The device asks for a code; a client that is not registered as a device gets none."""
    url, fields = cast.url("/device-authorization/"), (("scope", cast.device.scope),)
    answer = stage.post(step, "The device asks for a code", url, fields, by=cast.device)
    checks.answers(stage, step, answer, 200, "OK")
    checks.is_not_cached(stage, step, answer)
    members = checks.json_object(stage, step, answer)
    checks.has_exactly(stage, step, members, MEMBERS)
    code, page, complete = (
        str(members[name]) for name in ("user_code", "verification_uri", "verification_uri_complete")
    )
    stage.check(
        step, bool(USER_CODE.fullmatch(code)), expected="user_code is eight consonants and a dash", actual="another one"
    )
    stage.check(step, page == cast.url("/device/"), expected=f"verification_uri is {cast.url('/device/')}", actual=page)
    linked = complete == f"{page}?user_code={code}"
    stage.check(step, linked, expected="verification_uri_complete is that page with the code", actual=complete)
    seconds = [members[name] for name in ("expires_in", "interval")]
    whole = all(type(each) is int and each > 0 for each in seconds)
    stage.check(step, whole, expected="expires_in and interval are whole numbers of seconds", actual=seconds)
    if step == 1:
        other = stage.post(1, "A client that is not a device asks", url, (), by=cast.service)
        checks.refuses(stage, 1, other, error="unauthorized_client")
    return Begun(device_code=str(members["device_code"]), user_code=code, page=complete, interval=int(str(seconds[1])))


def step_2_wait(cast: Cast, stage: Stage, begun: Begun) -> int:
    """The device polls too early; return the seconds between polls after the slow_down."""
    first = polls(cast, stage, 2, "The device polls", begun)
    checks.refuses(stage, 2, first, error="authorization_pending")
    again = polls(cast, stage, 2, "It polls again at once", begun)
    checks.refuses(stage, 2, again, error="slow_down")
    stolen = polls(cast, stage, 2, "Another client sends the device's code", begun, by=cast.other_device)
    checks.refuses(stage, 2, stolen, error="invalid_grant")
    wrong = polls(cast, stage, 2, "A client that is not a device asks", begun, by=cast.service)
    checks.refuses(stage, 2, wrong, error="unauthorized_client")
    return begun.interval + SLOWER_BY


def step_3_compare(cast: Cast, stage: Stage, begun: Begun) -> Exchange:
    """Alice follows the link, signs in and confirms the code; return the page that asks for consent."""
    opened = stage.browse(3, "Alice opens the link that the device shows", begun.page)
    login = pages.follow(stage, 3, "Alice is shown the sign-in page", opened)
    compared = pages.sign_in(cast.script(cast.device), stage, 3, login, url=begun.page)
    undecided = polls_for(cast, stage, 3, begun)
    stage.check(
        3,
        undecided in {"authorization_pending", "slow_down"},
        expected="opening the link has decided nothing",
        actual=undecided,
    )
    return confirm(stage, 3, compared, begun)


def step_4_allow(cast: Cast, stage: Stage, asked: Exchange) -> None:
    """The page names the app; Alice clicks Allow."""
    named = cast.device.name in asked.response_body
    stage.check(4, named, expected=f"the page names {cast.device.name}", actual="a page without the name")
    decide(stage, 4, asked, "Allow")


def step_5_get_tokens(cast: Cast, stage: Stage, begun: Begun, interval: int) -> Mapping[str, object]:
    """The device gets tokens and renews them once; return the renewed ones."""
    # The poll in step 3 was too early as well.
    seconds = interval + SLOWER_BY
    stage.wait(5, seconds, f"The device waits {seconds} seconds, as it was told.")
    answer = polls(cast, stage, 5, "The device polls again", begun)
    tokens = issued(cast, stage, 5, answer)
    tells_about(cast, stage, 5, tokens, "The device asks who it is connected to")
    fields = (("grant_type", "refresh_token"), ("refresh_token", str(tokens["refresh_token"])))
    renewed = issued(
        cast, stage, 5, stage.post(5, "The device renews its token", cast.url("/token/"), fields, by=cast.device)
    )
    is_new = renewed["refresh_token"] != tokens["refresh_token"]
    stage.check(5, is_new, expected="a new refresh token", actual="the same refresh token again")
    tells_about(cast, stage, 5, renewed, "The device uses the new token")
    return renewed


def step_6_replay(cast: Cast, stage: Stage, begun: Begun, tokens: Mapping[str, object]) -> None:
    """The device's code is used again: the server cannot tell the device from a thief, so the connection ends."""
    stolen = polls(cast, stage, 6, "Another client sends the used code", begun, by=cast.other_device)
    checks.refuses(stage, 6, stolen, error="invalid_grant")
    tells_about(cast, stage, 6, tokens, "That changed nothing: the device's token is valid")
    replay = polls(cast, stage, 6, "The device sends its code again", begun)
    checks.refuses(stage, 6, replay, error="invalid_grant")
    dead = stage.fetch(
        6,
        "The token from the first use is refused",
        cast.url("/userinfo/"),
        access_token=str(tokens["access_token"]),
        sender=cast.device.client_id,
    )
    checks.refuses_access(stage, 6, dead, error="invalid_token")
    fields = (("grant_type", "refresh_token"), ("refresh_token", str(tokens["refresh_token"])))
    ended = stage.post(6, "So is the refresh token", cast.url("/token/"), fields, by=cast.device)
    checks.refuses_grant(stage, 6, ended)


def step_7_deny(cast: Cast, stage: Stage) -> None:
    """Alice denies a connection that she did not start."""
    begun = step_1_begin(cast, stage, 7)
    compared = stage.browse(7, "Alice opens the link, still signed in", begun.page)
    decide(stage, 7, confirm(stage, 7, compared, begun), "Deny")
    refused = polls(cast, stage, 7, "The device polls", begun)
    checks.refuses(stage, 7, refused, error="access_denied")


def step_8_cut_off(cast: Cast, stage: Stage) -> None:
    """Alice revokes the device's access."""
    script = cast.script(cast.device)
    pages.deauthorise(script, stage, 8, pages.connected_apps(script, stage, 8))
    unlisted = pages.revoke_form(script, pages.connected_apps(script, stage, 8)) is None
    stage.check(8, unlisted, expected="the device is no longer listed", actual="a form that revokes its access")


def polls(cast: Cast, stage: Stage, step: int, title: str, begun: Begun, *, by: Party | None = None) -> Exchange:
    """Ask for the tokens of a device code, by default as the device itself."""
    fields = (("grant_type", DEVICE_CODE), ("device_code", begun.device_code))
    return stage.post(step, title, cast.url("/token/"), fields, by=by or cast.device)


def polls_for(cast: Cast, stage: Stage, step: int, begun: Begun) -> str:
    """Poll, and return the error."""
    answer = polls(cast, stage, step, "The device polls in the meantime", begun)
    return str(checks.json_object(stage, step, answer).get("error", "no error"))


def confirm(stage: Stage, step: int, page: Exchange, begun: Begun) -> Exchange:
    """Confirm that the device shows the code on the page; return the page that asks for consent."""
    checks.answers(stage, step, page, 200, "OK")
    shown = begun.user_code in page.response_body
    stage.check(step, shown, expected="the page shows the code for comparison", actual="a page without it")
    form = form_with(stage, step, page, "Yes, it is the same")
    return clicks(stage, step, "Alice compares the code and continues", page, form, "Yes, it is the same")


def decide(stage: Stage, step: int, page: Exchange, choice: str) -> None:
    """Click Allow or Deny; both must be there."""
    checks.answers(stage, step, page, 200, "OK")
    form = form_with(stage, step, page, "Allow")
    both = form.button("Deny") is not None
    stage.check(step, both, expected="a button Deny beside it", actual="no such button")
    done = clicks(stage, step, f"Alice clicks {choice}", page, form, choice)
    checks.answers(stage, step, done, 200, "OK")


def form_with(stage: Stage, step: int, page: Exchange, button: str) -> Form:
    """Return the form of a page that has this button."""
    forms = [form for form in forms_of(page.response_body) if form.method == "post"]
    found = next((form for form in forms if form.button(button)), None)
    return stage.find(step, found, expected=f"a form with a button {button}", actual=f"{len(forms)} other forms")


def clicks(stage: Stage, step: int, title: str, page: Exchange, form: Form, choice: str) -> Exchange:
    """Submit a form with one of its buttons."""
    button = form.button(choice)
    fields = (*form.kept, *(button.fields if button else ()))
    url = urljoin(page.url, form.action or urlsplit(page.url).path)
    return stage.submit(step, title, url, fields, page=page.url)


def issued(cast: Cast, stage: Stage, step: int, answer: Exchange) -> dict[str, object]:
    """Check a token response with a refresh token, for the scope that the device asked for."""
    return checks.issues_access_token(stage, step, answer, scope=cast.device.scope, more=frozenset({"refresh_token"}))


def tells_about(cast: Cast, stage: Stage, step: int, tokens: Mapping[str, object], title: str) -> None:
    """Check that the access token opens Alice's data."""
    answer = stage.fetch(
        step,
        title,
        cast.url("/userinfo/"),
        access_token=str(tokens["access_token"]),
        sender=cast.device.client_id,
    )
    checks.answers(stage, step, answer, 200, "OK")
    who = checks.json_object(stage, step, answer).get("preferred_username")
    stage.check(step, who == cast.username, expected=f"preferred_username is {cast.username}", actual=who)
