"""Events: announced once after the COMMIT and never without it, with ids and words only."""

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth import authenticate
from django.db import transaction
from django.dispatch import Signal
from django.test import Client as Browser
from django.utils import timezone

from oauth_service import conf, signals
from oauth_service.guard import retries
from oauth_service.models import Client, Grant
from oauth_service.protocol import sealed
from oauth_service.protocol.refresh_token import TOO_MANY_RETRIED
from oauth_service.tokens import keys
from oauth_service.watch import restored
from tests.database import ALIAS, connection
from tests.guide import SECRET, Guide, query_of

Events = list[tuple[str, dict[str, Any]]]
Committed = Callable[[], AbstractContextManager[object]]
EVENTS: dict[str, Signal] = {name: value for name, value in vars(signals).items() if isinstance(value, Signal)}
LOGGER = "oauth_service.events"
ANNOUNCED = {
    "login_refused",
    "client_refused",
    "consent_given",
    "code_issued",
    "token_issued",
    "token_refreshed",
    "refresh_retried",
    "code_replayed",
    "refresh_replayed",
    "refresh_shared",
    "token_revoked",
    "app_deauthorised",
    "signing_key_changed",
    "backup_restored",
}
# Other events are covered in: tests/test_sign_in_events.py, tests/admin/test_events.py, tests/commands/test_events.py,
# tests/device/test_events.py, tests/grant_types/test_token_exchange.py, tests/jwt_bearer/test_events.py,
# tests/registration/test_events.py, tests/specs/test_global_token_revocation.py.
ELSEWHERE = {
    *("signed_in", "signed_out", "administered"),
    "connection_end_set",  # tests/endpoints/test_manage_apps.py
    "assertion_refused",
    *("device_approved", "device_denied", "device_code_replayed", "user_code_refused"),
    "token_exchanged",
    *("client_registered", "registration_changed", "registration_ended"),
    "user_tokens_revoked",
}


@pytest.fixture
def events() -> Iterator[Events]:
    """Every event so far, with its facts."""
    heard: Events = []
    receivers = {name: _listener(heard, name) for name in EVENTS.keys() & ANNOUNCED}
    for name, receiver in receivers.items():
        EVENTS[name].connect(receiver)
    yield heard
    for name, receiver in receivers.items():
        EVENTS[name].disconnect(receiver)


def _listener(heard: Events, name: str) -> Callable[..., None]:
    def hear(sender: object, signal: Signal, **facts: object) -> None:
        heard.append((name, facts))

    return hear


def documented() -> dict[str, str]:
    """Return the facts documented beside each signal."""
    return dict(re.findall(r"^(\w+) = Signal\(\)  # ([^;\n]+)", inspect.getsource(signals), re.MULTILINE))


def play(guide: Guide) -> None:
    """Run a lifecycle with every kind of event."""
    authenticate(username="alice", password="wrong")
    guide.exchange("SPL__x", client_secret="wrong")
    code = guide.code()
    tokens = guide.exchange(code).json()
    guide.refresh(tokens["refresh_token"])
    renewed = guide.refresh(tokens["refresh_token"]).json()
    guide.revoke(renewed["access_token"])
    guide.exchange(code)
    again = guide.tokens()
    newer = guide.refresh(again["refresh_token"]).json()
    guide.refresh(newer["refresh_token"])
    guide.refresh(again["refresh_token"])
    guide.revoke(guide.tokens()["refresh_token"])
    shared = guide.tokens()["refresh_token"]
    for generation in range(1 - TOO_MANY_RETRIED, 0):
        retries.note(sealed.read(sealed.RefreshToken, shared).row_id, generation)
    guide.refresh(shared)
    guide.refresh(shared)
    guide.deauthorise()
    keys.rotate("ES256", now=timezone.now())
    restored.end(keeps_sessions=True, keeps_signing_keys=True, ends_client_secrets=False)


# -- contents of events ----------------------------------------------------------------------------------------------


def test_everything_that_happens_is_told_in_its_order(guide: Guide, committed: Committed, events: Events) -> None:
    """Harmless events count, too, such as a retry or a second device."""
    with committed():
        play(guide)
    assert [name for name, _ in events] == [
        "login_refused",
        "client_refused",
        "consent_given",
        "code_issued",
        "token_issued",
        "token_refreshed",
        "refresh_retried",
        "token_revoked",
        "code_replayed",
        "consent_given",
        "code_issued",
        "token_issued",
        "token_refreshed",
        "token_refreshed",
        "refresh_replayed",
        "consent_given",
        "code_issued",
        "token_issued",
        "token_revoked",
        "consent_given",
        "code_issued",
        "token_issued",
        "token_refreshed",
        "refresh_shared",
        "refresh_retried",
        "app_deauthorised",
        "signing_key_changed",
        "backup_restored",
    ]
    assert {name for name, _ in events} == ANNOUNCED


def test_each_is_told_with_the_facts_that_stand_beside_its_signal(
    guide: Guide, committed: Committed, events: Events
) -> None:
    """Authors of receivers have no other documentation than the comment there."""
    with committed():
        play(guide)
    assert {name: ", ".join(facts) for name, facts in events} == {name: documented()[name] for name in ANNOUNCED}


def test_the_facts_are_the_right_ones(guide: Guide, committed: Committed, events: Events) -> None:
    """A receiver must find every row by these facts."""
    with committed():
        guide.tokens(scope="profile")
    grant = Grant.objects.get()
    who = {"user_id": guide.alice.pk, "client_id": "presc_man_123"}
    assert events == [
        ("consent_given", who | {"scope": "profile"}),
        ("code_issued", who | {"scope": "profile"}),
        ("token_issued", who | {"scope": "profile", "grant_type": "authorization_code", "grant_id": grant.pk}),
    ]


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_revocation_says_of_what(guide: Guide, committed: Committed, events: Events, kind: str) -> None:
    """A client can revoke an access token alone, or the whole connection."""
    tokens, grant_id = guide.tokens(), Grant.objects.get().pk
    with committed():
        guide.revoke(tokens[kind])
    facts = {"user_id": guide.alice.pk, "client_id": "presc_man_123", "grant_id": grant_id, "token_type": kind}
    assert events == [("token_revoked", facts)]


@pytest.mark.parametrize("client_id", ["presc_man_123", "nobody", "x" * 200])
def test_a_refused_client_is_told_with_the_reason(
    guide: Guide, committed: Committed, events: Events, client_id: str
) -> None:
    """Operators see a flood, and of which kind it is."""
    with committed():
        guide.exchange("SPL__x", client_id=client_id, client_secret="wrong")
    reason = "wrong secret" if client_id == "presc_man_123" else "no such client"
    told = client_id if client_id == "presc_man_123" else conf.claimed_name(client_id)
    assert events == [("client_refused", {"client_id": told, "reason": reason})]


@pytest.mark.parametrize("username", ["alice", "nobody", "x" * 200])
def test_a_refused_login_is_told_wherever_it_was_tried(
    browser: Browser, guide: Guide, committed: Committed, events: Events, username: str
) -> None:
    """Our page, the admin and a host project's page all send Django's own signal, which becomes our event."""
    browser.get("/login/")
    form = {"username": username, "password": "hush", "csrfmiddlewaretoken": browser.cookies["csrftoken"].value}
    with committed():
        browser.post("/login/", form)
        browser.post("/admin/login/", form)
    facts = {"username": conf.claimed_name(username), "reason": "wrong username or password"}
    assert events == [("login_refused", facts)] * 2


# -- secrets left out ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attempt",
    [
        lambda guide: guide.revoke("AT_nonsense"),
        lambda guide: guide.exchange("SPL__nonsense"),
        lambda guide: guide.refresh("RT_nonsense"),
        lambda guide: guide.answer(deny="1"),
        lambda guide: guide.ask(),
        lambda guide: guide.ask(scope="admin"),
        lambda guide: guide.deauthorise(),
        lambda guide: guide.userinfo("AT_nonsense"),
    ],
)
def test_what_changes_nothing_is_no_event(
    guide: Guide, committed: Committed, events: Events, attempt: Callable[[Guide], object]
) -> None:
    """Refusals are in their own log, while events say what became true."""
    with committed():
        attempt(guide)
    assert events == []


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_second_revocation_is_no_event(guide: Guide, committed: Committed, events: Events, kind: str) -> None:
    """The token ended only once."""
    token = guide.tokens()[kind]
    with committed():
        guide.revoke(token)
        guide.revoke(token)
    assert len(events) == 1


def test_a_second_replay_is_no_event(guide: Guide, committed: Committed, events: Events) -> None:
    """Nothing is left to end, so the alarm is raised once."""
    code = guide.code()
    guide.exchange(code)
    with committed():
        guide.exchange(code)
        guide.exchange(code)
    assert [name for name, _ in events] == ["code_replayed"]


def test_no_secret_is_ever_told(
    guide: Guide, committed: Committed, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    """Receivers and the log must get nothing that opens anything."""
    caplog.set_level("DEBUG", logger="oauth_service")
    with committed():
        code = guide.code()
        tokens = guide.exchange(code).json()
        renewed = guide.refresh(tokens["refresh_token"]).json()
        guide.exchange(code, client_secret="a-wrong-one")
        authenticate(username="alice", password="mistyped")
        play(guide)
    everything = caplog.text + repr(events) + repr([vars(record) for record in caplog.records])
    values = {code, SECRET, "a-wrong-one", "mistyped", "wonderland", *tokens.values(), *renewed.values()}
    secrets = [value for value in values if isinstance(value, str) and value not in ("Bearer", "user profile")]
    assert len(secrets) == 9
    assert [secret for secret in secrets if secret in everything] == []


# -- when ------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_nothing_is_told_before_it_is_committed(guide: Guide, events: Events) -> None:
    """A receiver that reads the database must find the announced facts there."""
    seen: list[tuple[bool, int]] = []

    def look(**_: object) -> None:
        seen.append((connection.in_atomic_block, Grant.objects.count()))

    signals.token_issued.connect(look)
    try:
        guide.tokens()
    finally:
        signals.token_issued.disconnect(look)
    assert seen == [(False, 1)]


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_not_told(guide: Guide, events: Events) -> None:
    """A host project's surrounding transaction failed, so the event never happened."""
    with transaction.atomic(using=ALIAS):
        signals.announce(signals.app_deauthorised, user_id=1, client_id="presc_man_123")
        transaction.set_rollback(True, using=ALIAS)
    assert events == []


@pytest.mark.django_db(transaction=True)
def test_a_consent_whose_code_cannot_be_stored_is_neither_kept_nor_told(
    guide: Guide, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Consent and code are stored in one transaction, so Alice can press Allow again without a duplicate."""
    guide.browser.raise_request_exception = False

    def fail(*_: object, **__: object) -> str:
        raise RuntimeError("no code today")

    monkeypatch.setattr("oauth_service.tokens.issue.code", fail)
    assert guide.answer().status_code == 500
    monkeypatch.undo()
    assert (events, Client.objects.get().consents.count()) == ([], 0)
    guide.answer()
    assert [name for name, _ in events] == ["consent_given", "code_issued"]


def test_an_event_belongs_to_its_request_however_late_it_is_told(guide: Guide, committed: Committed) -> None:
    """
    A host project's surrounding transaction may commit after the request. The event still has the request's address.
    """
    served: list[tuple[str, str]] = []

    def look(**_: object) -> None:
        served.append((signals.current_request().endpoint, signals.current_request().address))

    signals.token_issued.connect(look)
    guide.server.defaults["REMOTE_ADDR"] = "203.0.113.7"
    try:
        with committed():
            guide.tokens()
    finally:
        signals.token_issued.disconnect(look)
    assert (served, signals.current_request().endpoint) == ([("token", "203.0.113.7")], "")


# -- receivers and log -----------------------------------------------------------------------------------------------


def test_a_receiver_that_fails_hurts_nobody(
    guide: Guide, committed: Committed, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    """The response and later receivers are not affected, and the log names the receiver once."""

    def fail(**_: object) -> None:
        raise RuntimeError("the host's receiver failed")

    signals.token_issued.connect(fail)
    try:
        with committed():
            tokens = guide.tokens()
            guide.refresh(tokens["refresh_token"])
    finally:
        signals.token_issued.disconnect(fail)
    assert [name for name, _ in events] == ["consent_given", "code_issued", "token_issued", "token_refreshed"]
    assert guide.is_alive(tokens["access_token"])
    [error] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert re.search(r"Error calling .*\.fail in .* \(the host's receiver failed\)", error.getMessage())
    assert error.exc_info


def test_every_event_is_a_line_in_the_log(
    guide: Guide, committed: Committed, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    """The line has the same facts, as text and as structure. Events that need attention are warnings."""
    caplog.set_level("INFO", logger=LOGGER)
    with committed():
        play(guide)
    lines = [record for record in caplog.records if record.name == LOGGER]
    assert [(vars(line)["event"], vars(line)["facts"]) for line in lines] == events
    assert {vars(line)["event"] for line in lines if line.levelname == "WARNING"} == {
        "login_refused",
        "backup_restored",
        "client_refused",
        "code_replayed",
        "refresh_replayed",
        "refresh_shared",
    }
    assert f"consent_given user_id='{guide.alice.pk}' client_id='presc_man_123' scope='user profile'" in caplog.text


def test_a_line_cannot_be_forged(guide: Guide, committed: Committed, caplog: pytest.LogCaptureFixture) -> None:
    """A name with a line feed must not begin a line of its own."""
    with committed():
        authenticate(username="x\nINFO token_issued user_id='1'", password="y")
    [line] = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    assert "\n" not in line


def test_a_late_retry_is_told_as_the_replay_it_is(guide: Guide, committed: Committed, events: Events) -> None:
    """After the window, a lost response and a thief look the same."""
    tokens = guide.tokens()
    guide.refresh(tokens["refresh_token"])
    with committed(), time_machine.travel(timezone.now() + timedelta(minutes=3)):
        guide.refresh(tokens["refresh_token"])
    assert [name for name, _ in events] == ["refresh_replayed"]


def test_an_answer_from_memory_is_a_code_without_a_new_consent(
    guide: Guide, committed: Committed, events: Events
) -> None:
    """The user was not asked, so there is no new consent."""
    guide.answer()
    with committed():
        assert "code" in query_of(guide.ask()["Location"])
    assert [name for name, _ in events] == ["code_issued"]
