"""
Budgets: the most statements that each message of the guide may take, BEGIN and COMMIT included, in a server that has
been running for a while.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from oauth_service.models import purge
from tests.database import ALIAS, connection
from tests.guide import Guide

# Within a test's own transaction BEGIN would be a SAVEPOINT.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def warm(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cache the client's secret, compile the statements, and keep the sweep from running."""
    tokens = guide.tokens()
    guide.refresh(tokens["refresh_token"])
    guide.userinfo(tokens["access_token"])
    monkeypatch.setattr(purge, "_next_at", float("inf"))


@contextmanager
def at_most(budget: int) -> Iterator[None]:
    """Count the statements of a block; if there are too many, show them."""
    with CaptureQueriesContext(connection) as statements:
        yield
    told = "\n".join(f"{number:3} {query['sql']}" for number, query in enumerate(statements.captured_queries, start=1))
    assert len(statements) <= budget, f"{len(statements)} statements, {budget} allowed:\n{told}"


def status(response: object) -> int:
    """Status of a message; a budget counts only for one that succeeds."""
    return int(response.status_code)  # type: ignore[attr-defined]


def test_begin_and_commit_are_counted() -> None:
    """If a database did not count BEGIN and COMMIT, the budgets below would be two too high for each transaction."""
    with (
        CaptureQueriesContext(connection) as statements,
        transaction.atomic(using=ALIAS),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT 1")
    first_words = [query["sql"].split()[0] for query in statements.captured_queries]
    assert first_words == ["BEGIN", "SELECT", "COMMIT"]


def test_a_code_exchange_costs_two_on_postgresql_and_five_elsewhere(guide: Guide) -> None:
    """Read the code with its client; then WITH … DELETE … INSERT, or BEGIN, DELETE, INSERT, COMMIT."""
    code = guide.code()
    with at_most(2 if connection.vendor == "postgresql" else 5):
        assert status(guide.exchange(code)) == 200


def test_a_refresh_costs_two_at_most(guide: Guide) -> None:
    """Read the grant with its client; then an UPDATE that needs no transaction."""
    refresh_token = guide.tokens()["refresh_token"]
    with at_most(2):
        assert status(guide.refresh(refresh_token)) == 200


def test_a_refresh_that_is_retried_costs_less(guide: Guide) -> None:
    """The server returns the same successor and writes nothing."""
    refresh_token = guide.tokens()["refresh_token"]
    guide.refresh(refresh_token)
    with at_most(1):
        assert status(guide.refresh(refresh_token)) == 200


def test_userinfo_costs_one(guide: Guide) -> None:
    """A single statement joins grant, consent, user and client, and checks for revocation."""
    access_token = guide.tokens()["access_token"]
    with at_most(1):
        assert status(guide.userinfo(access_token)) == 200


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_revocation_costs_two_at_most(guide: Guide, kind: str) -> None:
    """Read the grant with its client; then one write. The audit trail writes its row later, in a batch."""
    token = guide.tokens()[kind]
    with at_most(2):
        assert status(guide.revoke(token)) == 200


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_an_introspection_costs_one_besides_its_client(guide: Guide, settings: Settings, kind: str) -> None:
    """Read the client that asks; then the token with everything that its validity depends on."""
    settings.OAUTH_SERVICE_INTROSPECTION = True
    token = guide.tokens()[kind]
    guide.introspect(token)
    with at_most(2):
        assert guide.introspect(token).json()["active"]


def test_authorising_what_is_remembered_costs_four_at_most(guide: Guide) -> None:
    """The browser is signed in: session, user, client with consent, INSERT."""
    guide.ask()
    with at_most(4):
        assert status(guide.browser.get("/authorise/", guide.request())) == 302


def test_the_login_page_costs_one(guide: Guide) -> None:
    """Read the client of the waiting request. The page shows its name, and a response header has its address."""
    page = guide.server.get("/authorise/", guide.request())["Location"]
    with at_most(1):
        assert status(guide.server.get(page)) == 200


def test_discovery_costs_nothing(guide: Guide) -> None:
    """The metadata depends only on settings and URLs."""
    with at_most(0):
        assert status(guide.server.get("/.well-known/oauth-authorization-server")) == 200


@pytest.mark.parametrize(
    "attempt",
    [
        lambda guide: guide.userinfo("AT_nonsense"),
        lambda guide: guide.server.get("/userinfo/"),
        lambda guide: guide.post("/token/", {"grant_type": "authorization_code"}),
    ],
    ids=["a forged token", "no token", "no client"],
)
def test_what_can_be_refused_unread_costs_nothing(guide: Guide, attempt: Callable[[Guide], object]) -> None:
    """A flood of malformed requests must not reach the database."""
    with at_most(0):
        assert status(attempt(guide)) in (400, 401)


def test_a_budget_that_is_exceeded_shows_the_statements() -> None:
    """Developers see in the failure which statement is new."""
    with pytest.raises(AssertionError, match=r"1 statements, 0 allowed:\n +1 SELECT 1"), at_most(0):
        connection.cursor().execute("SELECT 1")
