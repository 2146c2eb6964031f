"""Every change by staff in the admin is an event: who, what, before → after without secrets."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import models, transaction
from django.forms import BoundField
from django.test import Client as Browser
from django.urls import reverse

from oauth_service import signals
from oauth_service.admin import events
from oauth_service.admin.model_admin import ModelAdmin
from oauth_service.models import (
    AuditEvent,
    Client,
    Consent,
    Grant,
    InitialAccessToken,
    Registration,
    Resource,
    TrustedIssuer,
)
from oauth_service.models.secret_columns import SecretColumn
from oauth_service.watch import audit
from tests.admin.test_clients import FORM, shown_secret
from tests.admin.test_query_strings import OURS, rows
from tests.database import ALIAS
from tests.test_audit import Committed
from tests.test_signals import documented

__all__ = ["rows"]  # a row of every model

ADDRESS = "203.0.113.9"
EVERY = apps.get_app_config("oauth_service").get_models(include_auto_created=True)  # with each API's clients
TABLES = [each for each in EVERY if each is not AuditEvent]


# Input for the form of each model that can be added, beyond the form's initial values.
FORMS: dict[type[models.Model], dict[str, Any]] = {
    Client: {**FORM, "scope": ["user"]},
    TrustedIssuer: {
        "issuer": "https://other.example",
        "purposes": ["id-jag"],
        "algorithms": ["ES256"],
        "jwks_uri": "https://other.example/jwks",
    },
    Resource: {
        "identifier": "https://other.example",
        "name": "Other",
        "scopes": "other Read others",
        "clients": [1_234_567],
    },
    InitialAccessToken: {"name": "Another partner"},
}
DJANGOS = {"changelist", "add", "history", "delete", "change"}
CHOICES = ("client_type", "application_type")  # the form refuses any other


@pytest.fixture
def staff(staff: Browser) -> Browser:
    """Staff with an address of their own."""
    staff.defaults["REMOTE_ADDR"] = ADDRESS
    return staff


def stored() -> dict[str, list[dict[str, Any]]]:
    """All rows of this app, except the trail."""
    return {each.__name__: list(each._base_manager.using(ALIAS).order_by("pk").values()) for each in TABLES}


def url_of(model: type[models.Model], page: str, *args: object) -> str:
    return reverse(f"admin:oauth_service_{model._meta.model_name}_{page}", args=args)


def row_of(model: type[models.Model]) -> Any:
    found = admin.site._registry[model].get_queryset(None).first()  # type: ignore[arg-type]
    assert found is not None, f"tests/admin/test_query_strings.py makes no {model.__name__} that the admin shows"
    return found


def filled(browser: Browser, url: str) -> dict[str, Any] | None:
    """Values that the unchanged form of a page sends, including formsets; None if the page has no such form."""
    page = browser.get(url)
    context: Any = page.context
    if page.status_code != 200 or not context["has_change_permission"]:
        return None
    sent: dict[str, Any] = {}
    forms = [context["adminform"].form, *[each.formset.management_form for each in context["inline_admin_formsets"]]]
    for each in forms:
        for field in each:
            sent |= values_of(field)
    return sent


def values_of(field: BoundField) -> dict[str, Any]:
    value = field.value()
    if value is None or value is False:
        return {}
    return {field.html_name: "on" if value is True else value}


def attempts(staff: Browser, model: type[models.Model]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Everything that staff can send to the pages of a model: description, URL and form."""
    own, row = admin.site._registry[model], row_of(model)
    if staff.get(url_of(model, "add")).status_code == 200:
        yield "add", url_of(model, "add"), {**(filled(staff, url_of(model, "add")) or {}), **FORMS[model]}
    sent = filled(staff, url_of(model, "change", row.pk)) or {}
    for name, value in sent.items():
        if isinstance(value, str) and name not in CHOICES and "-" not in name:
            yield f"change {name}", url_of(model, "change", row.pk), {**sent, name: changed_value(name, value)}
        elif isinstance(value, list):
            yield f"change {name}", url_of(model, "change", row.pk), {**sent, name: []}
    request: Any = SimpleNamespace(user=User.objects.get(username="root"), GET={})
    everything = [str(pk) for pk in own.get_queryset(request).values_list("pk", flat=True)]
    for action in own.get_actions(request):
        selected = {"action": action, "_selected_action": everything, "post": "yes"}
        yield f"action {action}", url_of(model, "changelist"), selected
    for pattern in own.get_urls():
        name = str(getattr(pattern, "name", None) or "change")
        if name.rpartition("_")[2] not in DJANGOS:
            changed_at = getattr(row, "secret_changed_at", None)
            sent = {"confirmed": changed_at.isoformat()} if changed_at else {}  # staff confirm the end of a secret
            yield name, reverse(f"admin:{name}", args=[row.pk]), sent
    yield "delete", url_of(model, "delete", row.pk), {"post": "yes"}


def changed_value(name: str, value: str) -> str:
    if value == "on":
        return ""
    return f"{value}/2" if "uri" in name else f"{value} 2"


def by_staff() -> list[AuditEvent]:
    audit.flush()
    return list(AuditEvent.objects.filter(by="staff", actor__username="root", address=ADDRESS))


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_whatever_staff_change_is_an_event(staff: Browser, committed: Committed, model: type[models.Model]) -> None:
    """The test adds, changes each field, runs each action, follows each URL and deletes: any change needs an event."""
    app = Client.objects.get()
    Client.objects.rotate_secret(app)
    Client.objects.create(client_id="off", name="Off", redirect_uris="https://off.example/cb", is_active=False)
    changed, silent = set(), []
    for name, url, sent in list(attempts(staff, model)):
        with transaction.atomic(using=ALIAS):
            before = stored()
            with committed():
                answer = staff.post(url, sent)
            assert answer.status_code in (200, 302, 403, 405), (name, answer.status_code)
            told = by_staff()
            if stored() != before:
                changed.add(name)
            if (stored() != before) is not bool(told):
                silent.append((name, told))
            transaction.set_rollback(True, using=ALIAS)
    assert silent == []
    request: Any = SimpleNamespace(user=User.objects.get(username="root"))
    deletes = (
        {"action delete_selected", "delete"} if admin.site._registry[model].has_delete_permission(request) else set()
    )
    assert EXPECTED.get(model, set()) | deletes <= changed, changed


EXPECTED: dict[type[models.Model], set[str]] = {
    TrustedIssuer: {"add", "change jwks_uri", "change is_active"},
    Resource: {"add", "change name", "change scopes", "change clients", "change is_active"},
    Client: {
        *("add", "change name", "change redirect_uris", "change operator", "action deactivate", "action activate"),
        *("oauth_service_client_rotate", "oauth_service_client_end"),
    },
}


def test_every_model_admin_of_ours_tells() -> None:
    """A ModelAdmin that is added later must report its changes, too."""
    assert len(OURS) > 5
    assert [each for each in OURS if not isinstance(admin.site._registry[each], ModelAdmin)] == []


# -- contents of events ----------------------------------------------------------------------------------------------


def last() -> AuditEvent:
    return by_staff()[-1]


def test_registering_changing_and_deleting_a_client(staff: Browser, committed: Committed) -> None:
    """The events have the values before and after, but never a secret."""
    adding = {**(filled(staff, url_of(Client, "add")) or {}), **FORMS[Client]}
    with committed():
        secret = shown_secret(staff.post(url_of(Client, "add"), adding))
    client = Client.objects.get(client_id="pharmacy")
    added = last()
    assert (added.event, added.reason, added.client_id) == ("administered", f"added client {client.pk}", "pharmacy")
    assert "name: Pharmacy\n" in added.changes
    assert "redirect_uris: https://pharmacy.example/callback" in added.changes
    url = url_of(Client, "change", client.pk)
    with committed():
        changing = {**adding, "name": "Chemist", "redirect_uris": "https://b.example/cb", "is_active": ""}
        staff.post(url, changing)
    assert set(last().changes.split("\n")) == {
        "name: Pharmacy → Chemist",
        "is_active: True → False",
        "redirect_uris: https://pharmacy.example/callback → https://b.example/cb",
    }
    with committed():
        rotated = shown_secret(staff.post(url_of(Client, "rotate", client.pk)))
    assert (last().reason, last().changes) == (f"changed client {client.pk}", "Rotated the client secret.")
    with committed():
        staff.post(url_of(Client, "delete", client.pk), {"post": "yes"})
    assert (last().reason, "name: Chemist\n" in last().changes) == (f"deleted client {client.pk}", True)
    hashes = [value for each in (added, *by_staff()) for value in (each.changes, each.reason)]
    assert [text for text in hashes if secret in text or rotated in text or "sha256$" in text] == []


def test_saving_without_a_change_is_no_event(staff: Browser, committed: Committed) -> None:
    """Saving keeps a self-registered client that has no connection yet, but only a changed value makes an event."""
    Registration.objects.keep(row_of(Client).pk)
    url = url_of(Client, "change", row_of(Client).pk)
    sent = filled(staff, url)
    with committed():
        staff.post(url, sent)
    assert by_staff() == []


def test_a_long_list_tells_what_is_new_and_what_is_gone(staff: Browser, committed: Committed) -> None:
    """A change at the end of a list must not be cut off."""
    client = row_of(Client)
    uris = [f"https://app.example/{'x' * 60}/{number}" for number in range(20)]
    Client.objects.filter(pk=client.pk).update(redirect_uris="\n".join(uris))
    url = url_of(Client, "change", client.pk)
    sent = filled(staff, url)
    assert sent is not None
    with committed():
        staff.post(url, sent | {"redirect_uris": "\n".join([*uris[:-1], "https://new.example/cb"])})
    assert last().changes == f"redirect_uris: without {uris[-1]}, with https://new.example/cb"


@pytest.mark.parametrize(("model", "event"), [(Consent, "app_deauthorised"), (Grant, "token_revoked")])
def test_ending_a_connection_says_whose_and_by_whom(
    staff: Browser, committed: Committed, model: type[models.Model], event: str
) -> None:
    """A single event names the user as its subject and the staff member as its cause."""
    with committed():
        staff.post(url_of(model, "delete", row_of(model).pk), {"post": "yes"})
    [told] = by_staff()
    assert (told.event, told.user_id, told.client_id) == (event, 1_234_567, "app")


@pytest.mark.parametrize("model", [Consent, Grant])
def test_the_history_of_a_deletion_names_no_person(staff: Browser, model: type[models.Model]) -> None:
    """Django's history would keep the user's name after the user was deleted."""
    url, pk = url_of(model, "changelist"), str(row_of(model).pk)
    staff.post(url, {"action": "delete_selected", "_selected_action": pk, "post": "yes"})
    [entry] = LogEntry.objects.filter(object_id=pk)
    assert entry.object_repr == "App · 1234567"


def test_what_staff_did_outlives_them(staff: Browser, committed: Committed) -> None:
    """The event stays when its actor is deleted; only the reference to the actor goes."""
    with committed():
        staff.post(url_of(Client, "rotate", row_of(Client).pk))
    User.objects.get(username="root").delete()
    told = AuditEvent.objects.get(event="administered")
    assert (told.by, told.actor_id, told.address, told.client_id) == ("staff", None, "", "app")


def test_what_was_done_to_a_deleted_user_keeps_who_did_it(staff: Browser, committed: Committed) -> None:
    """The event also keeps the address of the staff member."""
    with committed():
        staff.post(url_of(Consent, "delete", row_of(Consent).pk), {"post": "yes"})
    User.objects.get(pk=1_234_567).delete()
    told = AuditEvent.objects.get(event="app_deauthorised")
    assert (told.user_id, told.by, told.address) == (None, "staff", ADDRESS)
    assert told.actor is not None
    assert told.actor.get_username() == "root"


def test_no_column_that_is_secret_is_told(
    staff: Browser, committed: Committed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A form might show such a column one day."""
    secrets = [
        (model, field.name)
        for model in TABLES
        for field in model._meta.concrete_fields
        if isinstance(field, SecretColumn)
    ]
    assert secrets
    lines = [events._line(model, name, "what it is") for model, name in secrets]
    assert lines == [f"{name} changed" for _model, name in secrets]


def test_the_log_says_who(staff: Browser, committed: Committed, caplog: pytest.LogCaptureFixture) -> None:
    """Log lines name the actor for every kind of event, not only for changes to rows."""
    root = User.objects.get(username="root")
    with committed():
        staff.post(url_of(Consent, "delete", row_of(Consent).pk), {"post": "yes"})
    assert f"app_deauthorised user_id='1234567' client_id='app' reason='by staff' by='staff {root.pk}'" in caplog.text


def test_a_receiver_can_ask_who(staff: Browser, committed: Committed) -> None:
    """Receivers get the arguments that the signal documents. The request context names the actor."""
    heard: list[Any] = []

    def hear(sender: object, signal: object, **facts: object) -> None:
        context = signals.current_request()
        heard.append((context.by, context.actor_id, context.address, ", ".join(facts)))

    signals.administered.connect(hear)
    try:
        with committed():
            staff.post(url_of(Client, "rotate", row_of(Client).pk))
    finally:
        signals.administered.disconnect(hear)
    assert heard == [("staff", User.objects.get(username="root").pk, ADDRESS, documented()["administered"])]


def test_the_trail_says_who_and_what(staff: Browser, committed: Committed) -> None:
    """The list and the row's own page show the actor and the change, and a search for the actor finds the row."""
    with committed():
        staff.post(url_of(Client, "rotate", row_of(Client).pk))
    audit.flush()
    told = AuditEvent.objects.get(event="administered")
    page = staff.get(url_of(AuditEvent, "change", told.pk)).content.decode()
    found = staff.get(url_of(AuditEvent, "changelist"), {"q": "root"}).content.decode()
    assert [words for words in ("staff root", "Rotated the client secret.", "app") if words not in page] == []
    assert "staff root" in found
