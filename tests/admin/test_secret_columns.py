"""Secret columns cannot be read through the admin: no registered model, no relation and no lookup leads to one."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.messages.storage.fallback import FallbackStorage
from django.core import serializers
from django.core.exceptions import FieldError
from django.db import models
from django.http import HttpRequest
from django.test import Client as Browser
from django.test import RequestFactory
from django.utils import timezone
from pytest_django import Settings

from oauth_service.admin.model_admin import ModelAdmin
from oauth_service.models import AuthorizationCode, Client, Consent, DeviceCode, Grant, Registration, SigningKey
from oauth_service.models.secret_columns import SecretCharField, SecretColumn, leads_to_secret

DEEPEST = 4
CANARY = "canary0123456789canary0123456789"  # 32 characters, like the bytes of a grant's secret
OURS = tuple(apps.get_app_config("oauth_service").get_models())
SECRET_COLUMNS = [
    (model, field) for model in OURS for field in model._meta.concrete_fields if isinstance(field, SecretColumn)
]
# Columns named or stored like secrets that are none: public keys and documents, and ids that open nothing.
PUBLIC = {"SigningKey.public_jwk", "Document.body", "RevokedToken.token_id", "Client.jwks", "Client.jwks_uri"} | {
    f"Client.{kind}_token_{rest}"
    for kind, rest in (
        ("access", "lifetime"),
        ("refresh", "lifetime"),
        ("id", "signed_response_alg"),
    )
}
PUBLIC |= {"TrustedIssuer.jwks", "TrustedIssuer.jwks_uri"}
PUBLIC |= {f"Client.token_endpoint_auth_{rest}" for rest in ("method", "signing_alg")}
PUBLIC |= {"Client.secret_changed_at", "Client.previous_secret_used_at"}  # moments


def paths(model: Any, depth: int = DEEPEST) -> Iterator[str]:
    """Every path from a model to a secret column, through relations in either direction."""
    for field in model._meta.get_fields(include_hidden=True):
        if isinstance(field, SecretColumn):
            yield field.name  # type: ignore[attr-defined]
        elif depth > 1 and getattr(field, "path_infos", None) and not field.name.endswith("+"):
            yield from (f"{field.name}__{rest}" for rest in paths(field.related_model, depth - 1))


def lookups(path: str) -> list[str]:
    """The path with every lookup and transform of Django's fields."""
    known = {name for field in (models.CharField(), models.BinaryField()) for name in field.get_lookups()}
    return [path, *(f"{path}__{name}" for name in sorted(known)), f"{path}__length__gt"]


REACHED = [(model, path) for model in apps.get_models() for path in paths(model)]
REGISTERED = sorted(admin.site._registry.items(), key=lambda pair: pair[0]._meta.label)
REACHED_FROM_ADMIN = [(model, path) for model, path in REACHED if model in admin.site._registry]


@pytest.fixture
def provider(settings: Settings) -> None:
    """
    A server that is an OpenID Provider and connects devices, so that the lists of signing keys and of devices exist.
    """
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = True
    settings.OAUTH_SERVICE_SCOPES = {"user": "You", "openid": "Who you are"}
    settings.OAUTH_SERVICE_SIGNING_ALGORITHMS = ("RS256", "ES256")


@pytest.fixture
def canaries(alice: User, presc_man: Client, consent: Consent) -> None:
    """A row of each kind, whose secret columns have a recognisable value."""
    now = timezone.now()
    rest = {"consent": consent, "scope": "user", "expires_at": now, "purge_at": now}
    AuthorizationCode.objects.create(secret=CANARY.encode(), **rest)
    DeviceCode.objects.create(
        client=presc_man,
        secret=CANARY.encode(),
        user_code_digest=CANARY,
        scope="user",
        requested_at=now,
        next_poll_at=now,
        expires_at=now + timedelta(minutes=10),
        purge_at=now,
    )
    Registration.objects.create(client=presc_man, token_digest=CANARY, registered_at=now)
    SigningKey.objects.create(
        kid="key",
        algorithm="ES256",
        generation=1,
        public_jwk="{}",
        private_key=CANARY.encode(),
        created_at=now,
        signs_from=now,
    )
    for model, field in SECRET_COLUMNS:
        value: Any = CANARY.encode() if field.stored_as is models.BinaryField else f"sha256${CANARY}"
        assert model._default_manager.update(**{field.name: value}) > 0, f"no row of {model.__name__} to hold a canary"


NO_SECRETS = {"Resource.access_token_lifetime", "Resource.token_format", "TrustedIssuer.tokens_end_with_jwt"}
"""How long tokens live, and what they look like."""
NO_SECRETS |= {"Registration.initial_access_token"}  # a reference to its row


def test_whatever_is_named_like_a_secret_is_a_secret_column() -> None:
    """A developer who adds a model may forget to hide its secrets."""
    named = {
        f"{model.__name__}.{field.name}"
        for model in OURS
        for field in model._meta.concrete_fields
        if re.search(r"secret|private|hash|token|password|jwk", field.name) or isinstance(field, models.BinaryField)
    }
    marked = {f"{model.__name__}.{field.name}" for model, field in SECRET_COLUMNS}
    assert (named - PUBLIC - NO_SECRETS) ^ marked == set()
    assert len(marked) >= 5


def test_the_walk_finds_the_ways_that_were_seen() -> None:
    """An empty walk would prove nothing."""
    expected = {
        (Client, "secret_hash"),
        (Grant, "secret"),
        (Grant, "consent__client__previous_secret_hash"),
        (Consent, "grants__secret"),
        (User, "oauth_consents__grants__secret"),
        (SigningKey, "private_key"),
        (LogEntry, "user__oauth_consents__grants__secret"),
    }
    assert expected - set(REACHED) == set()


@pytest.mark.walk
@pytest.mark.parametrize(("model", "path"), REACHED, ids=lambda each: getattr(each, "__name__", each))
def test_no_query_asks_for_rows_by_a_secret(model: Any, path: str) -> None:
    """Such a query may come from a host project's admin, an API's filter, or a search."""
    for lookup in lookups(path):
        with pytest.raises(FieldError):
            str(model._default_manager.filter(**{lookup: CANARY}).query)


@pytest.mark.walk
@pytest.mark.parametrize(("model", "path"), REACHED_FROM_ADMIN, ids=lambda each: getattr(each, "__name__", each))
def test_no_list_of_the_admin_is_filtered_by_a_secret(
    rf: RequestFactory, staff: Browser, provider: None, model: Any, path: str
) -> None:
    """Django itself refuses such a filter with a 400."""
    url = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    request: Any = rf.get(url)
    request.user = User.objects.get(username="root")
    allowed = [each for each in lookups(path) if admin.site._registry[model].lookup_allowed(each, "a", request)]
    assert (allowed, staff.get(url, {f"{path}__startswith": "a"}).status_code) == ([], 400)


@pytest.mark.parametrize("url", ["client", "grant", "signingkey"])
def test_staff_who_may_only_look_have_no_other_way(onlooker: Browser, provider: None, canaries: None, url: str) -> None:
    """Staff with view permissions could once read hashes, by filtering for them."""
    column = {"client": "secret_hash", "grant": "secret", "signingkey": "private_key"}[url]
    page = f"/admin/oauth_service/{url}/"
    statuses = [
        onlooker.get(page, {f"{column}__{name}": CANARY}).status_code for name in ("startswith", "contains", "isnull")
    ]
    assert (onlooker.get(page).status_code, statuses) == (200, [400, 400, 400])
    assert onlooker.get(page, {"_popup": "1", "_to_field": column}).status_code == 400


@pytest.mark.walk
@pytest.mark.parametrize(("model", "path"), REACHED, ids=lambda each: getattr(each, "__name__", each))
def test_a_list_of_the_host_projects_is_not_filtered_either(
    rf: RequestFactory, admin_user: User, model: Any, path: str
) -> None:
    """A host project's ModelAdmin that allows the lookup gets no rows, and no 500."""

    class Plain(admin.ModelAdmin):  # type: ignore[type-arg]
        def get_list_filter(self, request: HttpRequest) -> Any:
            return []

    class Careless(admin.ModelAdmin):  # type: ignore[type-arg]
        def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
            return True

    for kind in (Plain, Careless):
        request: Any = rf.get("/", {f"{path}__startswith": "a"})
        request.user, request.session = admin_user, {}
        request._messages = FallbackStorage(request)
        try:
            response = kind(model, admin.AdminSite()).changelist_view(request)
        except DisallowedModelAdminLookup:
            assert kind is Plain
        else:
            assert (response.status_code, response["Location"]) == (302, "/?e=1")


def _form(each: Any, request: HttpRequest) -> Any:
    """Form of a page, or of a row of an inline."""
    if isinstance(each, admin.ModelAdmin):
        return each.get_form(request, each.model(), change=True)
    return each.get_formset(request).form


@pytest.mark.parametrize(("model", "model_admin"), REGISTERED, ids=lambda each: getattr(each, "__name__", ""))
def test_no_list_shows_sorts_or_searches_by_a_secret(
    rf: RequestFactory, admin_user: User, model: Any, model_admin: Any
) -> None:
    """The test covers columns, order, search, filters, dates, forms and inlines."""
    request = rf.get("/")
    request.user = admin_user
    for each in (model_admin, *model_admin.get_inline_instances(request)):
        names = [
            *each.get_fields(request),
            *each.get_readonly_fields(request),
            *each.get_ordering(request),
            *each.autocomplete_fields,
            *each.raw_id_fields,
            *(
                each.get_form(request, model(), change=True)().fields
                if each is model_admin
                else each.get_formset(request).form().fields
            ),
        ]
        if each is model_admin:
            names += [*each.get_list_display(request), *each.get_search_fields(request), each.date_hierarchy or ""]
            names += [name[0] if isinstance(name, tuple) else name for name in each.get_list_filter(request)]
        texts = [name.lstrip("-^=@") for name in names if isinstance(name, str)]
        assert [name for name in texts if leads_to_secret(each.model, name)] == []
    if model in OURS:
        assert isinstance(model_admin, ModelAdmin)


@pytest.mark.walk
def test_no_page_of_the_admin_shows_or_finds_a_secret(staff: Browser, provider: None, canaries: None) -> None:
    """The test covers lists, searches, rows, histories, deletions, each action, and autocompletion."""
    word, seen = CANARY[:8], 0
    for model, model_admin in REGISTERED:
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        found = list(model._default_manager.values_list("pk", flat=True))
        pages = [staff.get(base), staff.get(base, {"q": word}), staff.get(f"{base}add/")]
        pages += [staff.get(f"{base}{pk}/{page}/") for pk in found for page in ("change", "history", "delete")]
        actions = getattr(model_admin, "actions", None) or ()
        for action in ("delete_selected", *[name for name in actions if isinstance(name, str)]):
            pages.append(
                staff.post(base, {"action": action, "_selected_action": [str(pk) for pk in found]}, follow=True)
            )
        for field in model._meta.concrete_fields:
            asked: dict[str, Any] = {
                "app_label": model._meta.app_label,
                "model_name": model._meta.model_name,
                "field_name": field.name,
            }
            pages.append(staff.get("/admin/autocomplete/", {**asked, "term": word}))
        pages.append(staff.get("/admin/"))
        texts = [page.content.decode() for page in pages]
        assert [text for text in texts if CANARY in text] == []
        assert [page.status_code for page in pages if page.status_code >= 500] == []
        seen += sum(page.status_code == 200 for page in pages)
        if model in OURS and model_admin.get_search_fields(HttpRequest()):
            assert len(pages[1].context["cl"].result_list) == 0
    assert seen > 30


def test_nothing_that_shows_a_row_shows_its_secret(canaries: None) -> None:
    """Logs, shells, tracebacks and the admin's history print rows with their repr."""
    for model, _field in SECRET_COLUMNS:
        rows = model._default_manager.all()
        shown = [repr(rows), str(rows), *(text for row in rows for text in (repr(row), str(row), f"{row}", f"{row!r}"))]
        assert (len(shown) > 2, [text for text in shown if CANARY[:8] in text]) == (True, [])


def test_a_dump_of_the_database_is_complete(canaries: None) -> None:
    """A dump is a backup: it is protected like the database, and restored with every secret."""
    dumped = serializers.serialize("json", [*Client.objects.all(), *Grant.objects.all(), *SigningKey.objects.all()])
    before = [
        Client.objects.get().secret_hash,
        bytes(Grant.objects.all()[0].secret),
        bytes(SigningKey.objects.get().private_key),
    ]
    Client.objects.update(secret_hash="")
    Grant.objects.all().delete()
    SigningKey.objects.all().delete()
    for row in serializers.deserialize("json", dumped):
        row.save()
    after = [
        Client.objects.get().secret_hash,
        bytes(Grant.objects.all()[0].secret),
        bytes(SigningKey.objects.get().private_key),
    ]
    assert after == before


def test_migrations_see_a_field_of_djangos() -> None:
    """A column can become secret, or stop being secret, without a migration, and migrations may query it."""
    field: Any = SecretCharField(max_length=5, blank=True)
    assert field.deconstruct()[1:] == ("django.db.models.CharField", [], {"max_length": 5, "blank": True})
    assert type(field.clone()) is SecretCharField
