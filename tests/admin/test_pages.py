"""Pages of the admin are for people: rows have names, empty lists say why they are empty, and the words are in one language."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.db import models
from django.test import Client as Browser
from django.utils import timezone, translation
from pytest_django import Settings

from oauth_service.admin.audit_trail import AuditEventAdmin
from oauth_service.models import AuditEvent, Client, Consent, Delivery, DeviceCode, Grant
from oauth_service.models.audit_event import Event

OURS = [model for model in apps.get_app_config("oauth_service").get_models() if site.is_registered(model)]
NOTHING = "Nothing matches this search and these filters."


def url(model: type[models.Model], path: str = "") -> str:
    return f"/admin/oauth_service/{model._meta.model_name}/{path}"


@pytest.fixture
def rows(consent: Consent, presc_man: Client) -> dict[type[models.Model], models.Model]:
    """A row of each model whose rows have no name of their own."""
    now = timezone.now()
    device = DeviceCode.objects.create(
        client=presc_man, scope="user", requested_at=now, next_poll_at=now, expires_at=now + timedelta(1), purge_at=now
    )
    message = Delivery.objects.create(client=presc_man, sign_in_id=UUID(int=1), sub="1", created_at=now, purge_at=now)
    return {DeviceCode: device, Delivery: message, Grant: Grant.objects.live(now=now)[0]}


@pytest.mark.parametrize("model", [DeviceCode, Delivery, Grant])
def test_no_row_is_named_by_its_key(
    staff: Browser,
    rows: dict[type[models.Model], models.Model],
    settings: Settings,
    model: type[models.Model],
) -> None:
    """Staff who are asked whether to delete a row must see which one."""
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = True
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are", "user": "Your username"}
    row = rows[model]
    assert str(row).startswith("Prescription Manager · ")
    assert str(row).endswith(" UTC")
    for page in ("change", "delete", "history"):
        assert str(row) in staff.get(url(model, f"{row.pk}/{page}/")).content.decode(), page


def test_a_consent_lists_its_connections_with_one_statement(
    staff: Browser, consent: Consent, django_assert_max_num_queries: object
) -> None:
    """The name of a connection has a client and a user, which could cost two statements a row."""
    page = staff.get(url(Consent, f"{consent.pk}/change/"))
    grants = page.context["inline_admin_formsets"][0].formset.queryset
    with django_assert_max_num_queries(1):  # type: ignore[operator]
        assert len({str(grant) for grant in grants.all()}) >= 1


@pytest.mark.parametrize("model", OURS)
def test_an_empty_list_says_why(staff: Browser, settings: Settings, model: type[models.Model]) -> None:
    """A page with "0 consents" leaves staff to guess whether something is broken."""
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = True
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are", "user": "Your username"}
    model._default_manager.all().delete()
    page = staff.get(url(model)).content.decode()
    sentence = str(site.get_model_admin(model).nothing_yet)  # type: ignore[attr-defined]
    assert sentence.endswith(".")
    assert sentence in page.replace("&#x27;", "'")
    assert NOTHING not in page


@pytest.mark.parametrize("model", [Client, Consent, Grant, AuditEvent])
def test_a_search_without_results_leads_back(staff: Browser, model: type[models.Model]) -> None:
    """The sentence of an empty list would be wrong here."""
    page = staff.get(url(model), {"q": "no-such-word"}).content.decode()
    assert NOTHING in page
    assert '<a href="?">Show the whole list</a>' in page


def test_events_are_counted_as_events(staff: Browser, alice: User) -> None:
    """The list once said "1 audit trail"."""
    now = timezone.now()
    for _ in range(2):
        AuditEvent.objects.create(event=Event.SIGNED_IN, outcome="done", at=now, user=alice, purge_at=now)
    assert "2 audit events" in " ".join(staff.get(url(AuditEvent)).content.decode().split())


@pytest.mark.parametrize(
    ("by", "words"),
    [("staff", "Mitarbeiter"), ("end date", "Enddatum"), ("command oauth_keys", "Befehl oauth_keys"), ("", "-")],
)
def test_the_actor_is_named_in_the_language_of_the_page(by: str, words: str) -> None:
    """The row keeps the English word, which the log has, too."""
    event = AuditEvent(event=Event.ADMINISTERED, outcome="done", by=by)
    with translation.override("de"):
        assert AuditEventAdmin(AuditEvent, site).acted_by(event) == words


def test_actions_are_in_the_language_of_the_page() -> None:
    """The descriptions with a number were translated at import, and so not at all."""
    actions: Any = site.get_model_admin(Consent).actions
    with translation.override("de"):
        words = [str(action.short_description) for action in actions if callable(action)]
    assert words == [f"Ausgewählte Apps in {days} trennen" for days in ("1 Tag", "7 Tagen", "30 Tagen")]


def test_the_history_has_our_style_sheet(staff: Browser, presc_man: Client) -> None:
    """Without it, a long name makes the page wider than a phone."""
    page = staff.get(url(Client, f"{presc_man.pk}/history/")).content.decode()
    assert "oauth_service/admin.css" in page
    assert "app-oauth_service" in page
