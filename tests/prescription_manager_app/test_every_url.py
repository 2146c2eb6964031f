"""Every URL, with every method and any session content, gives a page or a refusal, never an unhandled error."""

import itertools
import uuid
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from prescription_manager_app import sessions
from prescription_manager_app.experiments import EXPERIMENTS
from prescription_manager_app.models import Authorization, Connection, RecordedExchange
from prescription_manager_app.views import lifecycle
from tests.prescription_manager_app.conftest import Browser
from tests.prescription_manager_app.fake_server import Answer
from tests.prescription_manager_app.test_at_once import prescribe

pytestmark = pytest.mark.usefixtures("development")

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
VALUES: dict[str, tuple[object, ...]] = {
    "slug": ("nothing", "signed_out", "state_mismatch", *[experiment.slug for experiment in EXPERIMENTS]),
    "pk": (0, 1, 2**31, 2**63, 10**30),
}
FEW: dict[str, tuple[object, ...]] = {"slug": ("nothing", "replay-code", "tampered-state"), "pk": (1, 10**30)}
ODD: tuple[object, ...] = ("", "nonsense\0", str(uuid.UUID(int=0)), 7, None, ["a"])
KEYS = (sessions.CONNECTION, sessions.VISITOR, sessions.JOURNEY, lifecycle.REVEALED)
QUERIES = (
    "",
    "state=%00&code=%00&iss=%00",
    "state=a&state=b&code=a&code=b",
    "state=a~tampered.nonsense&run=nonsense",
    "state=%FF&run=%00",
    "error=access_denied&state=&run=",
)
BODIES: tuple[tuple[bytes, str], ...] = (
    (b"", "application/x-www-form-urlencoded"),
    (b"medicine=%00&dose=%FF&refills_left=99999999999999999999", "application/x-www-form-urlencoded"),
    (b"--nonsense", "multipart/form-data; boundary=x"),
    (b"{", "application/json"),
)


def addresses(values_of: dict[str, tuple[object, ...]] = FEW) -> Iterator[str]:
    """Every URL of the site that is ours, with each of these values in it."""
    for pattern in _patterns(get_resolver().url_patterns):
        names = list(pattern.pattern.converters)
        for values in itertools.product(*[values_of[name] for name in names]):
            address = str(pattern.pattern)
            for (name, converter), value in zip(pattern.pattern.converters.items(), values, strict=True):
                address = address.replace(f"<{_kind(converter)}:{name}>", str(value))
            assert "<" not in address
            yield f"/{address}"


def _patterns(found: list[URLPattern | URLResolver]) -> Iterator[URLPattern]:
    for each in found:
        if isinstance(each, URLResolver):
            assert not str(each.pattern), "none of them stands under a prefix"
            yield from _patterns(each.url_patterns)
        else:
            yield each


def _kind(converter: object) -> str:
    return type(converter).__name__.removesuffix("Converter").lower()


def visit(
    client: Client, *, methods: tuple[str, ...] = METHODS, values: dict[str, tuple[object, ...]] = FEW
) -> list[str]:
    """Request every URL with each method; return the answers that are our error page."""
    client.raise_request_exception = False
    failed = []
    for address, method in itertools.product(addresses(values), methods):
        response = client.generic(method, address)
        if response.status_code == 500:
            failed.append(f"{method} {address}")
    return failed


def remember(client: Client, **values: object) -> None:
    """Put something into the session of a browser, which may have none yet."""
    session: Any = client.session
    session.update(values)
    session.save()


def test_the_walk_finds_every_url() -> None:
    """The list has our URLs only, and picks up new ones."""
    found = set(addresses(VALUES))
    assert {"/", "/callback", "/prescriptions/1/stop/", "/lifecycle/try/replay-code/"} <= found
    assert len(found) > 30 > len(set(addresses())) > 15


def test_without_a_session(browser: Browser) -> None:
    """A new visitor's first request."""
    for address, method in itertools.product(addresses(), METHODS):
        client = Client(raise_request_exception=False)
        assert client.generic(method, address).status_code != 500, f"{method} {address}"


def test_connected(alice: Browser) -> None:
    """Each page and form in turn; some of them end the connection."""
    prescribe(refills_left=1)
    assert visit(alice.client, values=VALUES) == []


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", ODD, ids=repr)
def test_what_the_session_remembers_is_odd(alice: Browser, key: str, value: object) -> None:
    """An older release may have written it."""
    session = dict(alice.client.session.items())
    for address, method in itertools.product(addresses(), ("GET", "POST")):
        remember(alice.client, **{**session, key: value})
        alice.client.raise_request_exception = False
        assert alice.client.generic(method, address).status_code != 500, f"{method} {address}"


@pytest.mark.parametrize("key", KEYS)
def test_what_the_session_remembers_is_missing(alice: Browser, key: str) -> None:
    """Values are written together, and one of them is missing."""
    session = {name: value for name, value in alice.client.session.items() if name != key}
    for address, method in itertools.product(addresses(), ("GET", "POST")):
        kept: Any = alice.client.session
        kept.clear()
        kept.update(session)
        kept.save()
        alice.client.raise_request_exception = False
        assert alice.client.generic(method, address).status_code != 500, f"{method} {address}"


@pytest.mark.parametrize("cookie", ["", "nonsense", "\\000", "x" * 500])
def test_the_session_cookie_is_odd(browser: Browser, cookie: str) -> None:
    """The cookie belongs to no session."""
    browser.client.cookies[django_settings.SESSION_COOKIE_NAME] = cookie
    assert visit(browser.client, methods=("GET", "POST")) == []


def test_the_session_has_ended_at_the_server(alice: Browser) -> None:
    """Django has deleted the session."""
    engine = import_module(django_settings.SESSION_ENGINE)
    engine.SessionStore(alice.client.session.session_key).delete()
    assert visit(alice.client, methods=("GET", "POST")) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda: Connection.objects.all().delete(),
        lambda: Connection.objects.update(sealed_tokens=b"nonsense"),
        lambda: Authorization.objects.all().delete(),
        lambda: Authorization.objects.update(sealed_verifier=b"nonsense"),
        lambda: RecordedExchange.objects.update(sealed=b"nonsense"),
    ],
    ids=["no connection", "unreadable tokens", "no authorization", "unreadable verifier", "unreadable recording"],
)
def test_the_rows_behind_the_session_are_gone_or_unreadable(alice: Browser, spoil: Callable[[], object]) -> None:
    """The rows were deleted, or sealed with a key that is gone."""
    alice.depart()
    for address, method in itertools.product(addresses(), ("GET", "POST")):
        spoil()
        alice.client.raise_request_exception = False
        assert alice.client.generic(method, address).status_code != 500, f"{method} {address}"


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize(("body", "content_type"), BODIES)
def test_odd_input_causes_no_server_error(alice: Browser, query: str, body: bytes, content_type: str) -> None:
    """An odd query or body must not cause an error in our code."""
    alice.client.raise_request_exception = False
    for address, method in itertools.product(addresses(), ("GET", "POST")):
        response = alice.client.generic(method, f"{address}?{query}", body, content_type)
        assert response.status_code != 500, f"{method} {address}"


@pytest.mark.parametrize("answer", [Answer(500), Answer(200, "nonsense"), Answer(200, []), Answer(302), Answer(401)])
@pytest.mark.parametrize("path", ["/token/", "/userinfo/", "/oauth/revoke/", "/authorise/"])
def test_the_server_answers_oddly(alice: Browser, path: str, answer: Answer) -> None:
    """The app has an outcome for each of these responses."""
    alice.server.faults[path] = lambda: answer
    assert visit(alice.client, methods=("GET", "POST")) == []
