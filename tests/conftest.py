"""Fixtures for all tests of the server: the guide's parties, and the guide's messages."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import hypothesis
import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.urls import set_script_prefix, set_urlconf

from oauth_service import testing
from oauth_service.models import Client
from oauth_service.resources import requirement
from oauth_service.tokens import jwk
from oauth_service.watch import audit
from tests import parts
from tests.concurrency.threads import RaisedInThisThread
from tests.database import ALIAS, HAS_ROUTERS, connection
from tests.guide import Guide

# A slow example on a busy machine must not fail.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

# Django's test client would also raise the failure of another thread's request.
Browser.exc_info = RaisedInThisThread()  # type: ignore[assignment]


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out files without a test of this run's part (TEST_PART)."""
    is_test = collection_path.name.startswith("test_") and collection_path.suffix == ".py"
    return True if is_test and not parts.reads(collection_path) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select the tests of this run's part (TEST_PART), and name their databases."""
    chosen = [item for item in items if parts.selected(item.nodeid)]
    config.hook.pytest_deselected(items=[item for item in items if not parts.selected(item.nodeid)])
    items[:] = chosen
    mark_databases(items)


def mark_databases(items: list[pytest.Item]) -> None:
    """Mark each database test with the databases that it may query: with routers (TEST_ROUTERS=1), only their own."""
    for item in items:
        marker = item.get_closest_marker("django_db")
        if HAS_ROUTERS and (marker or {"db", "transactional_db"} & set(getattr(item, "fixturenames", ()))):
            own = marker.kwargs if marker else {}
            item.add_marker(pytest.mark.django_db(**{**own, "databases": [ALIAS]}), append=False)


@pytest.fixture(autouse=True)
def forget_everything() -> None:
    """Forget cached secrets and failures, so that tests do not affect each other."""
    testing.forget_everything()


# Copied once, so that a test without guards does not restore those of another test.
PROJECTS_GUARDS = requirement._asked, requirement.step_ups


@pytest.fixture
def guards() -> None:
    """Use the guards of the project's views. Without this fixture a test has only the views that it makes itself."""


@pytest.fixture(autouse=True)
def forget_guards(request: pytest.FixtureRequest) -> Iterator[None]:
    """Forget the guards of other tests' views, which would appear in the metadata and in findings of system checks."""
    requirement._declared.cache_clear()
    none: tuple[dict[str, set[str]], list[requirement.Requirement]] = defaultdict(set), []
    asked, step_ups = PROJECTS_GUARDS if "guards" in request.fixturenames else none
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requirement, "_asked", asked)
        patch.setattr(requirement, "step_ups", step_ups)
        patch.setattr("oauth_service.checks.step_ups", step_ups)
        yield


@pytest.fixture(autouse=True)
def forget_urls() -> None:
    """Forget resolved addresses, because Django keeps the URLconf and the prefix per thread."""
    set_urlconf(None)
    set_script_prefix("/")


@pytest.fixture(autouse=True)
def forget_what_waits() -> Iterator[None]:
    """Let events wait for audit.flush() only, so that no thread writes to a test's database unseen."""
    with pytest.MonkeyPatch.context() as patch:  # a MonkeyPatch of its own, which no test undoes
        patch.setattr(audit, "is_test_run", lambda: False)
        patch.setattr(audit, "_trail", audit._Trail())
        patch.setattr(audit._Trail, "start", lambda trail: None)
        yield


@pytest.fixture
def alice(db: None) -> User:
    """Alice, a user of the server."""
    return User.objects.create_user("alice", "alice@example.com", "wonderland", first_name="Alice", last_name="Liddell")


@pytest.fixture
def presc_man(db: None) -> Client:
    """The guide's client application: confidential, PKCE optional, with a secret that a person chose."""
    client = Client(
        client_id="presc_man_123",
        name="Prescription Manager",
        operator="Wonderland Health",
        redirect_uris="http://127.0.0.1:5000/callback",
        requires_pkce=False,
    )
    client.choose_secret("ITS_A_VERY_SECRET_KEY")
    client.save()
    return client


@pytest.fixture
def public_app(db: None) -> Client:
    """A native app without a secret (RFC 8252)."""
    return Client.objects.create(
        client_id="public_app",
        name="Pill Reminder",
        client_type=Client.ClientType.PUBLIC,
        application_type=Client.ApplicationType.NATIVE,
        redirect_uris="http://127.0.0.1/callback\ncom.example.pills:/callback",
    )


@pytest.fixture
def guide(alice: User, presc_man: Client) -> Guide:
    """The guide's messages, sent by Alice's browser and by the client's server."""
    return Guide(alice=alice, client=presc_man)


@pytest.fixture
def browser() -> Browser:
    """A browser without a sign-in, which enforces CSRF tokens."""
    return Browser(enforce_csrf_checks=True)


@pytest.fixture
def alices(browser: Browser, alice: User) -> Browser:
    """Alice's browser, signed in, which enforces CSRF tokens."""
    browser.force_login(alice)
    return browser


@pytest.fixture
def django_assert_num_queries(django_assert_num_queries: Callable[..., Any]) -> Callable[..., Any]:
    """The fixture of pytest-django for the database that the tests use."""
    return partial(django_assert_num_queries, connection=connection)


@pytest.fixture
def django_assert_max_num_queries(django_assert_max_num_queries: Callable[..., Any]) -> Callable[..., Any]:
    """The fixture of pytest-django for the database that the tests use."""
    return partial(django_assert_max_num_queries, connection=connection)


@pytest.fixture
def django_capture_on_commit_callbacks(django_capture_on_commit_callbacks: Callable[..., Any]) -> Callable[..., Any]:
    """The fixture of pytest-django for the database that the tests use."""
    return partial(django_capture_on_commit_callbacks, using=ALIAS)


@pytest.fixture
def committed(django_capture_on_commit_callbacks: Callable[..., object]) -> Callable[..., object]:
    """Run a block and then what it deferred until after its commit (signals, log lines), as outside of a test."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


class Forge:
    """A maker of signing keys. RSA is slow, so each test gets the keys of earlier tests again, in the same order."""

    def __init__(self) -> None:
        self.made: dict[str, list[jwk.PrivateKey]] = {}
        self.used: dict[str, int] = {}
        self.lock = Lock()
        self.generate = jwk.generate

    def __call__(self, algorithm: str) -> jwk.PrivateKey:
        """A key that this test has not had yet."""
        with self.lock:
            number = self.used.get(algorithm, 0)
            self.used[algorithm] = number + 1
            keys = self.made.setdefault(algorithm, [])
            if number == len(keys):
                keys.append(self.generate(algorithm))
            return keys[number]


FORGE = Forge()


@pytest.fixture(autouse=True)
def quick_keys() -> Iterator[None]:
    """Make signing keys cheap by reuse."""
    FORGE.used.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jwk, "generate", FORGE)
        yield
