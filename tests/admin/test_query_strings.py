"""Anything appended to a URL of the admin gives a page or a refusal, never a failure. Ids in URLs are plain numbers."""

import re
import uuid
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import product
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin import options
from django.contrib.admin.views import main
from django.contrib.auth.models import User
from django.db import models
from django.test import Client as Browser
from django.urls import get_resolver, reverse
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import (
    AuditEvent,
    Client,
    Consent,
    Delivery,
    DeviceCode,
    Document,
    Grant,
    InitialAccessToken,
    Registration,
    Resource,
    TrustedIssuer,
)
from oauth_service.models.audit_event import Entry
from oauth_service.tokens import keys
from tests.attributes import localised

OURS = [each for each in apps.get_app_config("oauth_service").get_models() if each in admin.site._registry]
# Percent-encoded, because some are only octets: a NUL, numbers beyond any column or calendar, text that is not UTF-8 (a
# lone surrogate), a malformed regular expression.
SHORT = ("", "a%00b", "9" * 19, "9" * 40, "-1", "1e400", "%ED%A0%80", "(")
LONG = ("9" * 5000, "a" * 60_000, "+".join("ab" for _ in range(1200)), ".".join("-1" for _ in range(3000)))
YEARS = ("0", "1", "2", "9998", "9999", "10000", "9" * 30, "%00", "")
PARTS = (None, "0", "1", "13", "32", "9" * 30, "%00", "")


@pytest.fixture(autouse=True)
def rows(db: None, alice: User, settings: Settings) -> None:
    """A row of each kind, with an id of more than three digits if ids are numbers."""
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are", "user": "Your name"}
    settings.OAUTH_SERVICE_SIGNING_ALGORITHMS = ("RS256", "ES256")
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = True
    settings.OAUTH_SERVICE_REGISTRATION = "open"
    settings.USE_THOUSAND_SEPARATOR = True
    now = timezone.now()
    keys.sign({}, algorithm="ES256", typ="JWT", now=now - timedelta(hours=1))
    client = Client.objects.create(pk=1_234_567, client_id="app", name="App", redirect_uris="https://app.example/cb")
    Client.objects.rotate_secret(client)
    later = now + timedelta(days=1)
    token = InitialAccessToken.objects.create(pk=1_234_567, name="Partner", digest="0" * 64, uses_left=1_234)
    Registration.objects.create(client=client, initial_access_token=token, registered_at=now, purge_at=later)
    user = User.objects.create_user("bob", "bob@example.com", pk=1_234_567)
    consent = Consent.objects.create(user=user, client=client, scope="user", given_at=now)
    moments = {"created_at": now, "refreshed_at": now, "expires_at": later, "purge_at": later}
    Grant.objects.create(consent=consent, scope="user", **moments)
    values: dict[str, Any] = (
        dict.fromkeys(Entry._fields, "")
        | Entry._field_defaults
        | {
            "at": now,
            "event": "token_issued",
            "outcome": "done",
            "user_id": user.pk,
            "client_id": "app",
            "grant_id": None,
            "purge_at": later,
        }
    )
    AuditEvent.objects.add_all([Entry(**values)])
    AuditEvent.objects.update(id=1_234_567)
    message: dict[str, Any] = {"client": client, "sign_in_id": uuid.uuid4(), "created_at": now, "purge_at": later}
    Delivery.objects.create(pk=1_234_567, **message)
    kept: dict[str, Any] = {
        "kind": Document.Kind.LOGO,
        "url": "https://app.example/logo",
        "fresh_until": now,
        "purge_at": later,
    }
    Document.objects.create(key="0" * 64, **kept)
    TrustedIssuer.objects.create(
        pk=1_234_567, issuer="https://idp.example", purposes="id-jag", jwks_uri="https://idp.example/jwks"
    )
    waits: dict[str, Any] = {"user_code_digest": "0" * 64, "scope": "user", "address": "192.0.2.1", "resources": ""}
    DeviceCode.objects.give(client_pk=client.pk, **waits, interval=timedelta(seconds=5), now=now, lifetime=later - now)
    api = Resource.objects.create(
        pk=1_234_567, identifier="https://orders.example", name="Orders", scopes="orders Read orders"
    )
    api.clients.add(client)


@pytest.fixture
def asking(staff: Browser) -> Browser:
    """Staff's browser, in which a failing page is a 500 and no exception."""
    staff.raise_request_exception = False
    return staff


def url_of(model: type[models.Model], page: str, *args: object) -> str:
    """A page of the admin of a model."""
    return reverse(f"admin:oauth_service_{model._meta.model_name}_{page}", args=args)


def own_parameters() -> set[str]:
    """Query parameters of Django's admin, found by the names of its constants."""
    modules = [vars(main), vars(options)]
    return {str(module[name]) for module in modules for name in module if name.endswith(("_VAR", "_FLAG"))}


def lookups_of(model: type[models.Model]) -> Iterator[str]:
    """Lookups of every column, and of a column of each kind of row that it refers to."""
    for field in model._meta.fields:
        yield from (f"{field.name}__{lookup}" for lookup in ("exact", "in", "regex", "range", "year"))
        yield field.name
        if field.is_relation and field.related_model:
            others: Any = field.related_model
            yield from (f"{field.name}__{each.name}__regex" for each in others._meta.fields)
    yield from ("nothing", "pk", "pk__in", "__", "a" * 5000, "%00", "client__client__client")


def failures(browser: Browser, urls: Iterable[str]) -> list[tuple[int, str]]:
    """URLs that the server fails to answer."""
    answered = [(browser.get(url).status_code, url[:200]) for url in urls]
    assert answered
    return [each for each in answered if each[0] >= 500]


@pytest.mark.walk
@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_no_parameter_of_a_list_is_a_failure(asking: Browser, model: type[models.Model]) -> None:
    """Django's parameters are search, order, page, filters and popups; the test finds those of later releases, too."""
    page, of_ours = url_of(model, "changelist"), admin.site._registry[model]
    linked = getattr(of_ours, "linked_lookups", ())
    columns = [getattr(each, "parameter_name", each) for each in of_ours.list_filter]
    filters = [f"{name}{suffix}" for name in columns for suffix in ("", "__exact", "__isnull", "__in")]
    names = sorted({*own_parameters(), *filters, *linked})
    asked = [*product(names, SHORT), *product((main.SEARCH_VAR, main.ORDER_VAR, main.PAGE_VAR), LONG)]
    assert failures(asking, (f"{page}?{name}={value}" for name, value in asked)) == []


@pytest.mark.walk
@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_only_what_the_pages_link_to_is_looked_up(asking: Browser, model: type[models.Model]) -> None:
    """
    Django admits every lookup of a model's own columns. A malformed regular expression failed in the database, and a
    valid one revealed a column that no page shows, character by character.
    """
    of_ours, page = admin.site._registry[model], url_of(model, "changelist")
    linked = {f"{name}{suffix}" for name in of_ours.list_filter for suffix in ("", "__exact", "__isnull")}
    linked |= {f"{of_ours.date_hierarchy}__{part}" for part in ("year", "month", "day")}
    linked |= {"client__id__exact"} if model is Consent else set()
    others = [name for name in lookups_of(model) if name not in linked and "%" not in name]
    assert {asking.get(f"{page}?{name}=(").status_code for name in others} == {400}


@pytest.mark.walk
@pytest.mark.parametrize("model", [each for each in OURS if admin.site._registry[each].date_hierarchy])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_no_date_is_a_failure(asking: Browser, model: type[models.Model], zone: str, settings: Settings) -> None:
    """The drill-down by date computes the years before and after."""
    settings.TIME_ZONE = zone
    page, by = url_of(model, "changelist"), admin.site._registry[model].date_hierarchy
    dates: list[tuple[str | None, ...]] = [
        *product(YEARS, (None, "12"), (None,)),
        *product((None, "2026"), PARTS, (None,)),
    ]
    dates += product((None, "2026", "9998"), ("12",), PARTS)
    named = (
        [(f"{by}__{part}", value) for part, value in zip(("year", "month", "day"), date, strict=True)] for date in dates
    )
    queries = ("&".join(f"{name}={value}" for name, value in each if value is not None) for each in named)
    assert failures(asking, (f"{page}?{query}" for query in queries)) == []


@pytest.mark.walk
@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_no_parameter_of_another_page_is_a_failure(asking: Browser, model: type[models.Model]) -> None:
    """Other pages are the add form that a URL fills in, the row, its history, and the confirmation of a deletion."""
    row = quote(str(model._default_manager.get().pk))
    pages = [url_of(model, "add"), *(url_of(model, page, row) for page in ("change", "history", "delete"))]
    urls = [f"{page}?{name}=a%00b" for page, name in product(pages, own_parameters())]
    # The form uses all of them at once.
    fields = [field.name for field in model._meta.fields]
    urls += [f"{pages[0]}?{'&'.join(f'{name}={value}' for name in fields)}" for value in ("a%00b", "9" * 40, "(", "")]
    assert failures(asking, urls) == []


@pytest.mark.parametrize(("said", "shown"), [("2030-01-02 03:04:05", "2030"), ("soon", "")])
def test_a_link_fills_in_a_moment(asking: Browser, said: str, shown: str) -> None:
    """A link can prefill a date and time. An invalid one leaves the field empty."""
    page = asking.get(url_of(InitialAccessToken, "add"), {"expires_at": said, "name": "Partner"})
    [field] = re.findall(r'<input[^>]* name="expires_at_0"[^>]*>', page.content.decode())
    assert (page.status_code, 'value="Partner"' in page.content.decode()) == (200, True)
    assert ("value=" in field, shown in field) == (bool(shown), True)


@pytest.mark.walk
@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_no_id_in_a_path_is_a_failure(asking: Browser, model: type[models.Model]) -> None:
    """The admin answers an impossible id like the id of a row that does not exist."""
    list_url = url_of(model, "changelist")
    steps = ("change/", "history/", "delete/", "secret/")
    assert failures(asking, (f"{list_url}{value}/{step}" for value, step in product(SHORT, steps) if value)) == []


@pytest.mark.walk
def test_no_term_of_the_autocomplete_view_is_a_failure(asking: Browser) -> None:
    """The view passes the term to our search unchanged."""
    page = reverse("admin:autocomplete")
    sources: list[dict[str, Any]] = [
        {"app_label": "oauth_service", "model_name": model._meta.model_name, "field_name": field.name}
        for model in OURS
        for field in model._meta.fields
        if field.is_relation and field.related_model in OURS  # the host's user admin is the host's
    ]
    assert {asking.get(page, source).status_code for source in sources} >= {200}
    urls = (
        f"{page}?{urlencode(source)}&{name}={value}"
        for source, name, value in product(sources, ("term", "page"), (*SHORT, *LONG))
    )
    assert failures(asking, urls) == []


@pytest.mark.parametrize("words", ["a" * 201, " ".join("a" * 11)])
def test_a_search_that_is_too_long_says_so(staff: Browser, words: str) -> None:
    """An empty result would wrongly say that there is no such row."""
    page = staff.get(url_of(Client, "changelist"), {"q": words})
    assert [str(each) for each in page.context["messages"]] == [
        "Search for 10 words or fewer, and 200 characters at most."
    ]


def test_what_the_pages_link_to_is_still_looked_up(staff: Browser) -> None:
    """The pages link to filters, to dates, and to the connections of a client."""
    now = timezone.now()
    date = {"until": (now + timedelta(minutes=1)).isoformat()}
    asked: list[tuple[str, dict[str, Any]]] = [
        (url_of(AuditEvent, "changelist"), date | {"event__exact": "token_issued"}),
        (url_of(Client, "changelist"), {"is_active__exact": "1", "client_type__exact": "confidential"}),
        (url_of(Consent, "changelist"), {"client__id__exact": "1234567"}),
    ]
    answers = [staff.get(url, query) for url, query in asked]
    assert [(each.status_code, len(each.context["cl"].result_list)) for each in answers] == [(200, 1)] * 3


@pytest.mark.walk
@pytest.mark.parametrize("language", ["de", "fr"])
@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_no_id_is_localised(staff: Browser, model: type[models.Model], language: str, settings: Settings) -> None:
    """Links led to a client 1,234,567 in a project with USE_THOUSAND_SEPARATOR."""
    settings.LANGUAGE_CODE = language
    row = quote(str(model._default_manager.get().pk))
    named = [str(each.name) for each in admin.site._registry[model].get_urls() if getattr(each, "name", None)]
    urls = [url for name in named for url in _urls(name, row)]
    pages = [staff.get(url) for url in urls]
    shown = {url: page for url, page in zip(urls, pages, strict=True) if page.status_code == 200}
    assert len(shown) > 2
    assert {url: found for url, page in shown.items() if (found := localised(page))} == {}


def _urls(name: str, row: str) -> list[str]:
    patterns = get_resolver().namespace_dict["admin"][1].reverse_dict.getlist(name)
    takes_a_row = any(parameters for possibilities, *_ in patterns for _, parameters in possibilities)
    return [reverse(f"admin:{name}", args=[row] if takes_a_row else [])]
