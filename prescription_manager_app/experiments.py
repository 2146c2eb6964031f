"""Experiments of /lifecycle/: requests that must fail, sent to the real server, and why it refuses them."""

import contextlib
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from django.utils import timezone

from prescription_manager_app.models import Connection
from prescription_manager_app.oauth import TIMEOUT_SECONDS, AuthorizationServer
from prescription_manager_app.outcomes import AccessTokenRefusedError, FailedError, Outcome
from prescription_manager_app.recording import tampered
from prescription_manager_app.renewal import renew
from prescription_manager_app.waiting import wait_for
from simulation.exchange import Exchange

TRIAL_LIFETIME = timedelta(minutes=1)  # longer than any experiment takes, so it only expires if a process was killed


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """
    Materials of one run of an experiment.

    Attributes:
        run: id of the run, under which its messages are recorded.
        connection: this session's, which no other experiment uses at the same time; None if it has none.
        recorded: what the app did by itself before.
    """

    run: uuid.UUID
    server: AuthorizationServer
    connection: Connection | None
    recorded: list[Exchange]


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """
    Something that must fail.

    Attributes:
        does: what is sent.
        why: why it is refused.
        warning: what it costs; "" if the connection survives it.
        expected: tests of the response to each request of a run, in order. Those before the refusal show that there was
            something to refuse, those after it what the refusal left.
        needs_connection: True if it sends tokens of this session.
        run: sends the requests; returns a URL if Alice's browser has to go there, or "". It raises
        NothingToTryWithError
            if there is nothing to refuse.
    """

    slug: str
    title: str
    does: str
    why: str
    rfc: str
    warning: str
    expected: tuple[Callable[[Exchange], bool], ...]
    run: Callable[[Bench], str]
    needs_connection: bool = True

    def verdict(self, exchanges: Sequence[Exchange]) -> "Verdict":
        """Judge a run by its own messages only."""
        for is_expected, exchange in zip(self.expected, exchanges, strict=False):
            if not is_expected(exchange):
                return Verdict.UNFINISHED if _no_answer(exchange) else Verdict.WRONG
        return Verdict.REFUSED if len(exchanges) == len(self.expected) else Verdict.UNFINISHED


class Verdict(Enum):
    """Result of a run of an experiment."""

    REFUSED = "Refused, as it must be."
    WRONG = "This was not refused as it must be."
    UNFINISHED = "This has shown nothing: the server did not answer every request. Try again in a moment."

    @property
    def label(self) -> str:
        """The verdict in two words."""
        return {"REFUSED": "refused", "WRONG": "not refused", "UNFINISHED": "not finished"}[self.name]


class NothingToTryWithError(Exception):
    """The browser session lacks something that the experiment needs; the message says what."""


@contextlib.contextmanager
def alone(connection: Connection | None) -> Iterator[Connection | None]:
    """
    Lock a connection for one experiment, because experiments in other tabs may renew or end it.

    Raises:
        NothingToTryWithError: another experiment takes too long.
    """
    if connection is None:
        yield None
        return

    def turn() -> bool | None:
        now = timezone.now()
        claimed = Connection.objects.claim_trial(connection, until=now + TRIAL_LIFETIME, now=now)
        return True if claimed or connection.reread() is None else None

    if wait_for(turn) is None:
        raise NothingToTryWithError("Another experiment is still running in another tab. Try again in a moment.")
    try:
        yield connection.reread()
    finally:
        Connection.objects.end_trial(connection)


def replay_code(bench: Bench) -> str:
    """Send the last exchanged code again, with all that belongs to it."""
    sent = next((_members(exchange) for exchange in reversed(bench.recorded) if exchange.step == 4), {})
    if not {"code", "code_verifier"} <= sent.keys():
        raise NothingToTryWithError("No code has been exchanged yet. Connect first.")
    connection = _renewed(bench)
    with contextlib.suppress(FailedError):
        bench.server.exchange(code=sent["code"], code_verifier=sent["code_verifier"], now=timezone.now())
    _use(bench, connection.tokens.access_token)
    return ""


def wrong_client_secret(bench: Bench) -> str:
    """Refresh with a wrong secret, and then with the right one."""
    stranger = replace(bench.server.registration, client_secret="not-the-secret-of-this-app")
    connection = _renewed(bench)
    with contextlib.suppress(FailedError):
        replace(bench.server, registration=stranger).refresh(connection.tokens.refresh_token, now=timezone.now())
    with contextlib.suppress(FailedError):
        renew(connection, bench.server)
    return ""


def tampered_state(bench: Bench) -> str:
    """Send Alice's browser to our own callback with a state that it never had."""
    departure = next((exchange for exchange in reversed(bench.recorded) if exchange.step == 1), None)
    if departure is None:
        raise NothingToTryWithError("No authorization has been requested yet. Connect first.")
    state = parse_qs(urlsplit(departure.url).query).get("state", [""])[0]
    registration = bench.server.registration
    sent = tampered(state, bench.run)
    parameters = {"code": "SPL__somebody-elses-code-0000", "state": sent, "iss": registration.issuer}
    return f"{registration.redirect_uri}?{urlencode(parameters)}"


def other_redirect_uri(bench: Bench) -> str:
    """Ask for a code at the registered address, and then at one that is not registered."""
    registration = bench.server.registration
    elsewhere = replace(registration, redirect_uri=f"{registration.redirect_uri}-elsewhere")
    with requests.Session() as session, contextlib.suppress(requests.RequestException):
        session.trust_env = False
        for each in (registration, elsewhere):
            url = replace(bench.server, registration=each).authorization_url(state="any", code_verifier="v" * 43)
            answer = session.get(url, timeout=TIMEOUT_SECONDS, allow_redirects=False)
            if bench.server.observe is not None:
                bench.server.observe(1, answer)
    return ""


def old_refresh_token(bench: Bench) -> str:
    """Refresh twice, then present the first refresh token: its successor was used, so this must be a thief."""
    old = _connection(bench).tokens.refresh_token
    connection = _renewed(bench)
    with contextlib.suppress(FailedError):
        connection = renew(connection, bench.server)
        bench.server.refresh(old, now=timezone.now())
    _use(bench, connection.tokens.access_token)
    return ""


def revoked_access_token(bench: Bench) -> str:
    """Use an access token, revoke it, and use it again."""
    token = _renewed(bench).tokens.access_token
    _use(bench, token)
    with contextlib.suppress(FailedError):
        bench.server.revoke(token)
    _use(bench, token)
    return ""


def _renewed(bench: Bench) -> Connection:
    """
    Renew the tokens, which shows that they were good before anything is refused.

    Raises:
        NothingToTryWithError: the server does not renew them.
    """
    try:
        return renew(_connection(bench), bench.server)
    except FailedError as failure:
        if failure.outcome is Outcome.CONNECTION_ENDED:
            raise NothingToTryWithError("The server has ended your connection. Connect first.") from failure
        raise NothingToTryWithError("The server did not renew your tokens. Try again in a moment.") from failure


def _use(bench: Bench, access_token: str) -> None:
    with contextlib.suppress(FailedError, AccessTokenRefusedError):
        bench.server.userinfo(access_token)


def _members(exchange: Exchange) -> dict[str, str]:
    """Members of the JSON object that was sent; {} if it is no longer readable."""
    with contextlib.suppress(ValueError):
        match json.loads(exchange.request_body):
            case dict() as members:
                return members
    return {}


def _connection(bench: Bench) -> Connection:
    if bench.connection is None:
        raise NothingToTryWithError("You are not connected. Connect first.")
    return bench.connection


def _no_answer(exchange: Exchange) -> bool:
    return exchange.status in {0, 429} or exchange.status >= 500


def _ok(exchange: Exchange) -> bool:
    return exchange.status == 200


def _unauthorized(exchange: Exchange) -> bool:
    return exchange.status == 401


def _error_is(status: int, error: str) -> Callable[[Exchange], bool]:
    return lambda exchange: exchange.status == status and f'"{error}"' in exchange.response_body


ENDS_THE_CONNECTION = "This ends your connection, as it would end a thief's. You have to connect again afterwards."

EXPERIMENTS = (
    Experiment(
        slug="replay-code",
        title="Replay the code",
        does="Renews the tokens, which shows that they are good. Sends the code of Step 4 once more, with the right secret, "
        "redirect_uri and code_verifier, and then uses the new access token.",
        why="A code is good for one use. If it is used twice, one of the two may be a thief. The server cannot tell which, so it "
        "refuses the second use and ends the connection of the first.",
        rfc="RFC 6749 section 4.1.2",
        warning=ENDS_THE_CONNECTION,
        expected=(_ok, _error_is(400, "invalid_grant"), _unauthorized),
        run=replay_code,
    ),
    Experiment(
        slug="wrong-client-secret",
        title="Wrong client secret",
        does="Renews the tokens, sends the new refresh token with another app's secret, and renews with the right one.",
        why="Tokens of an app are useless to anyone who cannot authenticate as that app. The refresh token stays valid: a "
        "stranger must not be able to use it up.",
        rfc="RFC 6749 section 3.2.1",
        warning="",
        expected=(_ok, _error_is(401, "invalid_client"), _ok),
        run=wrong_client_secret,
    ),
    Experiment(
        slug="tampered-state",
        title="Tampered state",
        does="Sends your browser to our callback with a code and a state that this session never sent out.",
        why="An attacker could send you a link that connects you to their account. The state ties every response to the "
        "browser that asked, so this app refuses it before it looks at the code.",
        rfc="RFC 6749 section 10.12",
        warning="",
        expected=(lambda exchange: exchange.location.endswith(f"/{Outcome.STATE_MISMATCH.slug}/"),),
        needs_connection=False,
        run=tampered_state,
    ),
    Experiment(
        slug="other-redirect-uri",
        title="Another redirect_uri",
        does="Asks the server for a code at the registered address, which it accepts, and then at an address that is not "
        "registered for this app.",
        why="The server compares it character by character and shows an error page of its own. It never redirects there, not "
        "even with an error: that would let attackers redirect users to any site.",
        rfc="RFC 9700 section 2.1",
        warning="",
        expected=(
            lambda exchange: exchange.status == 302 and not exchange.leaves,
            lambda exchange: exchange.status == 400 and not exchange.location,
        ),
        needs_connection=False,
        run=other_redirect_uri,
    ),
    Experiment(
        slug="old-refresh-token",
        title="Reuse an old refresh token",
        does="Renews the tokens twice, presents the refresh token from before, and then uses the newest access token.",
        why="Each refresh token is replaced when it is used. If it is used again after its successor was used, two parties have "
        "it, and one of them is a thief. So the server ends the whole connection.",
        rfc="RFC 9700 section 4.14.2",
        warning=ENDS_THE_CONNECTION,
        expected=(_ok, _ok, _error_is(400, "invalid_grant"), _unauthorized),
        run=old_refresh_token,
    ),
    Experiment(
        slug="revoked-access-token",
        title="A revoked access token",
        does="Renews the tokens, asks for your profile, revokes the access token, and asks again.",
        why="Revocation takes effect at once, not when the token would have expired. The refresh token stays valid: on the next "
        "page this app gets a 401 and renews its tokens.",
        rfc="RFC 7009 section 2.1",
        warning="",
        expected=(_ok, _ok, _ok, _unauthorized),
        run=revoked_access_token,
    ),
)


def find(slug: str) -> Experiment | None:
    """The experiment with this slug, or None."""
    return next((experiment for experiment in EXPERIMENTS if experiment.slug == slug), None)
