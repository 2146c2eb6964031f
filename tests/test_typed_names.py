"""
The server stores typed names nowhere: not in the log, an event, a row, a metric or a cache key.

Users type the password into the username field, and apps send their secret as client_id. The tests try every parameter
of every endpoint, including those that are added later.
"""

import base64
import copy
import json
import logging
import pickle
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.cache import cache
from django.dispatch import Signal
from django.test import Client as Browser
from django.test import RequestFactory
from pytest_django import Settings

from oauth_service import conf, signals, urls
from oauth_service.guard import failure_counts
from oauth_service.models import AuditEvent
from oauth_service.protocol.claimed_name import ClaimedName
from oauth_service.watch import audit, metrics
from tests.guide import FORM, JSON, SECRET, Guide
from tests.test_audit import Committed

TYPED = "Hunter2-in-the-wrong-field"
PATHS = sorted(
    {f"/{pattern.pattern}".rstrip("/") + "/" for pattern in urls.urlpatterns if pattern.name} - {"/openapi.json/"}
)
# Words of the protocol, which the log of a refusal has to name.
OF_A_PROTOCOL = {"grant_type", "response_type", "response_mode", "scope", "redirect_uri", "resource"}


def described_names() -> set[str]:
    """Return every parameter in the description of the endpoints."""
    description = Browser().get("/openapi.json").json()
    found: set[str] = set()

    def look(part: Any) -> None:
        if isinstance(part, dict):
            found.update(part.get("properties", {}))
            if part.get("in") == "query":
                found.add(part["name"])
            for each in part.values():
                look(each)
        elif isinstance(part, list):
            for each in part:
                look(each)

    look(description)
    return found


class Everywhere(logging.Handler):
    """A log handler that collects everything that a formatter could use."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # Django's request is left out: its repr has the query, but no formatter shows it by default.
        own = {name: value for name, value in vars(record).items() if name != "request"}
        self.lines.append(f"{record.getMessage()} {own!r} {json.dumps(own, default=str)}")


@pytest.fixture
def log() -> Iterator[Everywhere]:
    """Everything that is logged."""
    handler, root, ours = Everywhere(), logging.getLogger(), logging.getLogger("oauth_service")
    level = ours.level
    root.addHandler(handler)
    ours.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    ours.setLevel(level)


@pytest.fixture
def told() -> Iterator[list[str]]:
    """All facts of all signals, as a receiver might store them."""
    heard: list[str] = []

    def hear(sender: object, signal: Signal, **facts: object) -> None:
        heard.extend(
            [repr(facts), str(list(facts.values())), json.dumps(facts, default=str), repr(copy.deepcopy(facts))]
        )
        heard.append(repr(pickle.dumps([each for each in facts.values() if isinstance(each, str)])))

    every = [each for each in vars(signals).values() if isinstance(each, Signal)]
    metrics.connect()
    for signal in every:
        signal.connect(hear)
    yield heard
    for signal in every:
        signal.disconnect(hear)
        signal.disconnect(dispatch_uid="oauth_service.metrics")


def kept() -> str:
    """Return the contents of the database, the metrics and the caches as text."""
    audit.flush()
    memories = [*failure_counts._in_memory.values(), cache]
    caches = [repr([memory._cache, list(memory._cache.values())]) for memory in memories]  # type: ignore[attr-defined]
    return repr(list(AuditEvent.objects.values())) + metrics.exposition().decode() + "".join(caches)


def attempts(guide: Guide, name: str) -> Iterator[tuple[str, str]]:
    """Send the typed text as this parameter to every endpoint, and yield the endpoint and the form of the request."""
    code = {"code": "SPL__x", "code_verifier": "v" * 43, "client_secret": SECRET, "grant_type": "authorization_code"}
    sent = {**guide.request(), **code, "token": "AT_x", "username": "alice", "password": "wrong", name: TYPED}
    query = urlencode({name: value for name, value in sent.items() if name not in code})
    for path in PATHS:
        guide.browser.get(f"{path}?{query}")
        yield path, "query"
        if guide.server.post(path, urlencode(sent), content_type=FORM).status_code == 405:
            continue
        yield path, "form"
        guide.browser.post(path, urlencode(sent), content_type=FORM)
        yield path, "form of somebody who is signed in"
        guide.server.post(path, json.dumps(sent), content_type=JSON)
        yield path, "JSON"


def test_typed_names_and_passwords_are_stored_and_logged_nowhere(
    guide: Guide, committed: Committed, log: Everywhere, told: list[str]
) -> None:
    """
    The test sends requests with and without a session, as a form, JSON or a query, before and after the limit on
    failures.
    """
    leaks = set()
    for name in sorted((described_names() | {"username", "password", "next"}) - OF_A_PROTOCOL):
        with committed():
            for path, kind in attempts(guide, name):
                if TYPED.casefold() in "\n".join([*log.lines, *told]).casefold():
                    leaks.add((name, path, kind))
                log.lines.clear()
                told.clear()
        if TYPED.casefold() in "\n".join([*log.lines, *told, kept()]).casefold():
            leaks.add((name, "at last", ""))
        log.lines.clear()
        told.clear()
    assert leaks == set()


def test_a_name_in_the_authorization_header_is_not_told(
    guide: Guide, committed: Committed, log: Everywhere, told: list[str]
) -> None:
    """HTTP Basic has a name and a secret, and some libraries swap the two."""
    with committed():
        for path in PATHS:
            for pair in (f"{TYPED}:x", f"{TYPED}:{TYPED}"):
                header = f"Basic {base64.b64encode(pair.encode()).decode()}"
                guide.server.post(path, "grant_type=x&token=x", content_type=FORM, headers={"Authorization": header})
    assert any("no such client" in line for line in log.lines)
    assert [line for line in [*log.lines, *told, kept()] if TYPED.casefold() in line.casefold()] == []


@pytest.mark.parametrize("username", [TYPED, "alice"])
def test_a_name_on_a_page_that_is_not_ours_is_not_told(
    guide: Guide, committed: Committed, log: Everywhere, told: list[str], username: str
) -> None:
    """Django reports a refused sign-in on any page, including the admin's."""
    with committed():
        authenticate(RequestFactory().post("/elsewhere/"), username=username, password="wrong")
        for _attempt in range(12):
            Browser().post("/admin/login/", {"username": username, "password": "wrong"})
    assert any("throttled" in line for line in told)
    lines = [*log.lines, *told] + ([kept()] if username == TYPED else [])
    assert [line for line in lines if username.casefold() in line.casefold()] == []


def test_attempts_under_one_name_can_be_told_from_attempts_under_two(
    guide: Guide, committed: Committed, log: Everywhere
) -> None:
    """Operators see whether somebody tries one account again and again, and can compute the digest of a name."""
    with committed():
        for username in ("alice", "ALICE", "bob"):
            authenticate(username=username, password="wrong")
    names = [line.split("username=")[1].split()[0].strip("'") for line in log.lines if "login_refused" in line]
    assert names == [conf.claimed_name("alice"), conf.claimed_name("alice"), conf.claimed_name("bob")]
    assert names[0] != names[2]


def test_events_name_a_registered_client_by_its_client_id(guide: Guide, committed: Committed, log: Everywhere) -> None:
    """A registered client_id is public, and the operator needs it."""
    with committed():
        guide.exchange("SPL__x", client_secret="wrong")
    assert any("client_refused client_id='presc_man_123'" in line for line in log.lines)
    assert any("client 'presc_man_123': wrong secret" in line for line in log.lines)


def test_another_servers_key_makes_another_digest(settings: Settings) -> None:
    """Without this server's key, nobody can try names against a digest."""
    before = conf.claimed_name("alice")
    settings.OAUTH_SERVICE_TOKEN_KEY = "another-key-of-32-characters-or-more"
    assert conf.claimed_name("alice") != before


@pytest.mark.parametrize("typed", ["", "alice", "\ud800", "x" * 100_000])
def test_any_text_has_a_digest(typed: str) -> None:
    """No input may make logging fail."""
    name = ClaimedName(typed, key=b"k")
    assert (name.reveal(), len(name)) == (typed, len("unproven:") + 16)
    assert f"{name}" == str(name) == f"{name!r}".strip("'")


def test_a_name_that_is_too_long_for_any_account_does_not_wait_in_memory(db: None, committed: Committed) -> None:
    """Ten thousand such names would fill the memory."""
    User.objects.create_user("alice")
    with committed():
        authenticate(username="x" * 100_000, password="wrong")
    assert max(len(str(value)) for value in audit._trail.waiting[0]) < 255
