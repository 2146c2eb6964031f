"""Every decision reads from the database that it writes to, and every transaction names that database."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connections, models, router
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver

import oauth_service
from oauth_service.checks import check_surroundings
from oauth_service.models import AuditEvent, Client
from tests.database import ALIAS, connection
from tests.guide import FORM, Guide, query_of

MODELS = list(apps.get_app_config("oauth_service").get_models())
SOURCES = sorted(Path(oauth_service.__file__).parent.rglob("*.py"))
MANAGERS = {"objects", "_default_manager", "_base_manager"}


class Replica:
    """A router of a host project that reads from a replica."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "replica" if model._meta.app_label == "oauth_service" else ALIAS

    def db_for_write(self, model: object, **hints: Any) -> str:
        return ALIAS


class Apart(Replica):
    """A router that keeps the accounts in another database."""

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "accounts" if model._meta.app_label == "auth" else ALIAS


@pytest.fixture
def replica(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send all routed reads to a replica that does not respond."""
    monkeypatch.setitem(connections.settings, "replica", {**connections.settings[ALIAS], "NAME": "/nowhere/replica"})
    monkeypatch.setattr(router, "routers", [Replica()])


@pytest.mark.usefixtures("replica")
@pytest.mark.parametrize("model", MODELS)
def test_every_manager_reads_where_it_writes(model: type[models.Model]) -> None:
    """The base manager matters too: it follows foreign keys and refreshes rows."""
    managers = [*model._meta.managers, model._default_manager, model._base_manager]
    assert {manager.all().db for manager in managers} == {manager.db for manager in managers} == {ALIAS}


@pytest.mark.usefixtures("replica")
@pytest.mark.parametrize("model", MODELS)
def test_every_row_that_hangs_on_another_is_read_where_it_is_written(model: type[models.Model]) -> None:
    """Related rows, such as a grant's consent and its client, must come from the primary, too."""
    row = model(pk=1 if isinstance(model._meta.pk, models.AutoField) else uuid4())
    found = set()
    for field in model._meta.related_objects:
        name = str(field.get_accessor_name() or "")
        if field.one_to_one:  # a single related object, which is read in this way
            found.add(getattr(model, name).get_queryset(instance=row).db)
        elif name:
            found.add(getattr(row, name).all().db)
    assert found <= {ALIAS}


def test_a_query_that_names_its_database_is_asked_there() -> None:
    """A report may be read from a replica, because it decides nothing."""
    assert (Client.objects.using("replica").db, Client.objects.db_manager("replica").all().db) == ("replica",) * 2


def test_the_guide_is_played_without_the_replica(guide: Guide, request: pytest.FixtureRequest) -> None:
    """A replica may not have the client, the consent or the grant yet."""
    request.getfixturevalue("replica")
    page = guide.ask()
    code = guide.code()
    tokens = guide.exchange(code).json()
    again = guide.refresh(tokens["refresh_token"]).json()
    remembered = query_of(guide.ask()["Location"])
    replayed = guide.exchange(code)
    listed = guide.browser.get("/manage-apps/")
    revoked = guide.revoke(again["refresh_token"])
    assert [page.status_code, listed.status_code, replayed.status_code, revoked.status_code] == [200, 200, 400, 200]
    assert ("code" in remembered, guide.is_alive(again["access_token"])) == (True, False)


def test_an_app_is_cut_off_where_its_consent_was_written(guide: Guide, request: pytest.FixtureRequest) -> None:
    """A replica may not have the consent yet, and it refuses a DELETE."""
    access_token = guide.tokens()["access_token"]
    guide.browser.force_login(guide.alice)
    request.getfixturevalue("replica")
    answer = guide.browser.post("/oauth/deauthorise/", f"client_id={guide.client.client_id}", content_type=FORM)
    assert (answer.status_code, guide.is_alive(access_token)) == (302, False)


def test_a_client_is_registered_in_the_admin(db: None, request: pytest.FixtureRequest) -> None:
    """The admin reads the new client again right after writing it."""
    browser = Browser()
    browser.force_login(User.objects.create_superuser("root", "root@example.com", "root"))
    request.getfixturevalue("replica")
    form = {
        "name": "Pharmacy",
        "client_id": "pharmacy",
        "client_type": "confidential",
        "application_type": "web",
        "redirect_uris": "https://pharmacy.example/callback",
        "scope": ["user"],
        "grant_types": ["authorization_code"],
    }
    added = browser.post("/admin/oauth_service/client/add/", form)
    pk = Client.objects.get(client_id="pharmacy").pk
    rotated = browser.post(f"/admin/oauth_service/client/{pk}/secret/rotate/")
    changed_at = Client.objects.get(pk=pk).secret_changed_at
    assert changed_at
    ended = browser.post(
        f"/admin/oauth_service/client/{pk}/secret/end-previous/", {"confirmed": changed_at.isoformat()}
    )
    assert [added.status_code, rotated.status_code, ended.status_code] == [200, 200, 302]


def test_what_is_known_of_a_user_is_forgotten_where_it_was_written(
    guide: Guide, request: pytest.FixtureRequest
) -> None:
    """Otherwise no user could be deleted in a project with a replica."""
    request.getfixturevalue("replica")
    with CaptureQueriesContext(connection) as asked:
        AuditEvent.objects.forget(guide.alice.pk)
    assert len(asked) == 2  # once as the user concerned, once as the one who acted


def test_accounts_in_another_database_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token is read together with its user, and a consent refers to one, so both must be in one database."""
    monkeypatch.setattr(router, "routers", [Apart()])
    found = [message for message in check_surroundings(None) if message.id == "oauth_service.E030"]
    assert ["User to 'accounts'" in message.msg for message in found] == [True]


def test_no_view_of_ours_runs_in_a_transaction_of_its_request() -> None:
    """
    A view under ATOMIC_REQUESTS could roll back the end of a replayed grant, or let a client wait for
    the COMMIT.
    """
    views = [pattern.callback for pattern in _patterns(get_resolver("oauth_service.urls").url_patterns)]
    assert views
    assert [view for view in views if set(connections) - set(getattr(view, "_non_atomic_requests", ()))] == []


def _patterns(found: Any) -> Iterator[Any]:
    for each in found:
        yield from _patterns(each.url_patterns) if hasattr(each, "url_patterns") else [each]


def _calls(names: set[str]) -> Iterator[tuple[str, ast.Call]]:
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in names:
                yield f"{source.name}:{node.lineno}", node


def test_every_transaction_names_its_database() -> None:
    """Django's default is the database named “default”, which may be another one, or missing."""
    found = dict(_calls({"atomic", "on_commit", "set_rollback", "savepoint", "non_atomic_requests"}))
    assert len(found) >= 5
    assert [place for place, call in found.items() if "using" not in {word.arg for word in call.keywords}] == []


def test_every_manager_that_is_not_ours_is_told_its_database() -> None:
    """The managers of users and sessions ask the project's routers, which may name a replica."""
    ours = {model.__name__ for model in MODELS}
    found = []
    for source in SOURCES:
        tree = ast.parse(source.read_text())
        told = {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr in ("using", "db_manager", "__class__")
        }
        found += [
            f"{source.name}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr in MANAGERS and node not in told
            if not (isinstance(node.value, ast.Name) and node.value.id in ours)
        ]
    assert found == []
