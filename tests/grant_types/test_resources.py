"""Resources: a token requested for one is valid only there; without any, nothing changes (RFC 8707)."""

import json
from datetime import timedelta
from io import StringIO
from itertools import combinations, product
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.http import JsonResponse
from django.test import Client as Browser
from django.urls import include, path
from django.views import View
from pytest_django import Settings

from oauth_service.models import Client, Resource, purge
from oauth_service.protect import ProtectedMixin, ProtectedRequest, protect
from oauth_service.protocol import resource_indicators
from tests.architecture.test_query_budgets import at_most
from tests.clauses import clause
from tests.guide import FORM, SECRET, Guide
from tests.specs.answers import refusal_of

pytestmark = pytest.mark.urls("tests.grant_types.test_resources")

ORDERS, STOCK, SECRET_API = "https://api.example/orders", "https://api.example/stock", "urn:example:secret"


@protect(allow_clients=True, resource=ORDERS)
def orders(request: ProtectedRequest) -> JsonResponse:
    """Protect a view of the API of orders."""
    return JsonResponse({"audience": sorted(request.bearer.audience)})


@protect(allow_clients=True, resource=STOCK)
async def stock(request: ProtectedRequest) -> JsonResponse:
    """Protect a view of the API of the stock."""
    return JsonResponse({})


@protect(allow_clients=True)
def plain(request: ProtectedRequest) -> JsonResponse:
    """Protect a view of no API in particular."""
    return JsonResponse({})


class Orders(ProtectedMixin, View):
    """A view of the API of orders."""

    required_scope = ""
    allow_clients = True
    resource = ORDERS

    def get(self, request: ProtectedRequest) -> JsonResponse:
        return JsonResponse({})


urlpatterns = [
    path("", include("oauth_service.urls")),
    path("admin/", admin.site.urls),
    path("orders/", orders),
    path("orders-class/", Orders.as_view()),
    path("stock/", stock),
    path("stock-class/", Orders.as_view(resource=STOCK)),
    path("plain/", plain),
]
GUARDED = {"/orders/": ORDERS, "/orders-class/": ORDERS, "/stock/": STOCK, "/stock-class/": STOCK, "/plain/": ""}


@pytest.fixture
def service(guide: Guide) -> Guide:
    """Return a client that may ask for two APIs; a third one belongs to another client."""
    guide.client.grant_types += " client_credentials"
    guide.client.scope = "user profile orders:read stock:read"
    guide.client.save()
    each = Resource.objects.create(identifier=ORDERS, name="Orders", scopes="orders:read See your orders")
    each.clients.add(guide.client)
    Resource.objects.create(identifier=STOCK, name="Stock", scopes="stock:read See what is there", is_for_all=True)
    Resource.objects.create(identifier=SECRET_API, name="Secret", scopes="secret Know it")
    return guide


def ask(*resources: str, **changes: str) -> Any:
    """Send POST /token/ for a client's own token."""
    body = {"grant_type": "client_credentials", "client_id": "presc_man_123", "client_secret": SECRET} | changes
    pairs = [*body.items(), *(("resource", each) for each in resources)]
    return Browser().post("/token/", urlencode(pairs), content_type=FORM)


def status_at(url: str, token: str) -> int:
    return int(Browser().get(url, headers={"Authorization": f"Bearer {token}"}).status_code)


@clause("RFC 8707", "2")
@pytest.mark.parametrize("resources", [[], [ORDERS], [STOCK], [ORDERS, STOCK], [STOCK, STOCK]], ids=str)
@pytest.mark.parametrize("default", ["", ORDERS])
def test_a_token_opens_its_own_resource_alone(
    service: Guide, settings: Settings, default: str, resources: list[str]
) -> None:
    """Every view is tried with every audience; a token without an audience is for the resource of the setting."""
    settings.OAUTH_SERVICE_RESOURCE = default
    token = ask(*resources).json()["access_token"]
    for url, resource in GUARDED.items():
        wanted = resource or default
        opens = wanted in resources if resources else wanted == default
        assert (url, status_at(url, token)) == (url, 200 if opens else 401)


def test_a_refusal_says_why(service: Guide, caplog: pytest.LogCaptureFixture) -> None:
    """The client gets a sentence, the operator both identifiers."""
    token = ask(ORDERS).json()["access_token"]
    answer = Browser().get("/stock/", headers={"Authorization": f"Bearer {token}"})
    assert refusal_of(answer) == (401, "invalid_token")
    assert answer.json()["error_description"] == "the access token is for another resource"
    assert ORDERS in caplog.text
    assert STOCK in caplog.text


def test_the_view_finds_the_audience(service: Guide) -> None:
    """The view sees all resources of the token."""
    token = ask(STOCK, ORDERS).json()["access_token"]
    answer = Browser().get("/orders/", headers={"Authorization": f"Bearer {token}"})
    assert answer.json() == {"audience": [ORDERS, STOCK]}


@pytest.mark.parametrize(("resources", "scope"), [
    ([], "user profile orders:read stock:read"),
    ([ORDERS], "user profile orders:read"),
    ([STOCK], "user profile stock:read"),
    ([ORDERS, STOCK], "user profile orders:read stock:read"),
])  # fmt: skip
def test_the_scope_is_that_of_the_resources(service: Guide, resources: list[str], scope: str) -> None:
    """Scopes of another API mean nothing at this one."""
    assert ask(*resources).json()["scope"] == scope


def test_a_scope_of_another_resource_is_refused(service: Guide) -> None:
    """The request names it, so it is refused rather than ignored."""
    assert refusal_of(ask(ORDERS, scope="stock:read")) == (400, "invalid_scope")


@clause("RFC 8707", "2")
@pytest.mark.parametrize("resources", [
    ["https://api.example/unknown"], [ORDERS + "/"], [ORDERS.upper()], [SECRET_API], [ORDERS, SECRET_API],
    ["orders"], ["/orders"], ["https:///x"], [ORDERS + "#x"], [ORDERS + "#"], ["https://api.example/ x"], ["https://[x"],
    ["https://" + "x" * 300], [f"{ORDERS}{number}" for number in range(6)],
], ids=lambda each: str(each)[:40])  # fmt: skip
def test_what_the_client_may_not_ask_for_is_an_invalid_target(service: Guide, resources: list[str]) -> None:
    """ "invalid_target: The requested resource is invalid, missing, unknown, or malformed." """
    assert refusal_of(ask(*resources)) == (400, "invalid_target")


def test_a_resource_that_was_switched_off_is_unknown(service: Guide) -> None:
    """No client gets new tokens for it."""
    Resource.objects.update(is_active=False)
    assert refusal_of(ask(ORDERS)) == (400, "invalid_target")


def test_audiences_issued_are_allowed(service: Guide) -> None:
    """The test tries every combination of resources and clients."""
    other = Client(client_id="other", name="Other", grant_types="client_credentials", redirect_uris="")
    other.choose_secret(SECRET)
    other.save()
    may = {"presc_man_123": {ORDERS, STOCK}, "other": {STOCK}}
    every = (ORDERS, STOCK, SECRET_API)
    asked = [named for size in range(1, 4) for named in combinations(every, size)]
    for client_id, named in product(may, asked):
        expected = 200 if set(named) <= may[client_id] else 400
        assert (client_id, named, ask(*named, client_id=client_id).status_code) == (client_id, named, expected)


@pytest.mark.parametrize(("of_client", "of_resource", "seconds"), [
    (None, None, 3600), (None, 60, 60), (120, None, 120), (120, 60, 60), (60, 120, 60), (None, 7200, 7200),
])  # fmt: skip
def test_the_shortest_lifetime_that_is_set_counts(
    service: Guide, of_client: int | None, of_resource: int | None, seconds: int
) -> None:
    """The server's own lifetime is only the default."""
    Client.objects.update(access_token_lifetime=of_client and timedelta(seconds=of_client))
    Resource.objects.update(access_token_lifetime=of_resource and timedelta(seconds=of_resource))
    assert ask(ORDERS, STOCK).json()["expires_in"] == seconds


@pytest.mark.django_db(transaction=True)
def test_resources_cost_one_statement_and_none_where_there_is_none(
    service: Guide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A single statement looks up all named resources; using the token reads once more, because a resource may be gone."""
    monkeypatch.setattr(purge, "_next_at", float("inf"))
    token = ask(ORDERS, STOCK).json()["access_token"]
    status_at("/orders/", token)
    with at_most(1):
        assert ask().status_code == 200
    with at_most(2):
        assert ask(ORDERS, STOCK).status_code == 200
    with at_most(2):  # whether the resource is still active
        assert status_at("/orders/", token) == 200
    without = ask().json()["access_token"]
    status_at("/plain/", without)
    with at_most(1):
        assert status_at("/plain/", without) == 200


def test_userinfo_is_no_other_resource(service: Guide, settings: Settings) -> None:
    """A token for an API does not work at userinfo; a user's token without a resource does."""
    token = ask(ORDERS).json()["access_token"]
    assert (status_at("/userinfo/", token), status_at("/userinfo/", service.tokens()["access_token"])) == (401, 200)


@pytest.mark.parametrize(
    "identifier", [ORDERS, "urn:example:a", "https://a.example", "com.example:/x", "https://a.example/?q=1"]
)
def test_an_absolute_uri_is_an_identifier(identifier: str) -> None:
    """Any scheme is allowed, and so is a query."""
    assert resource_indicators.fault_of(identifier) == ""


@pytest.mark.parametrize(("column", "value"), [
    ("identifier", "orders"), ("identifier", ORDERS + "#"), ("scopes", "read"), ("scopes", 'r"d Words'),
    ("scopes", "read Words\nread Words"), ("token_format", "jwt"), ("access_token_lifetime", timedelta(0)),
    ("access_token_lifetime", timedelta.max),
])  # fmt: skip
def test_a_resource_that_cannot_be_is_refused(db: None, column: str, value: Any) -> None:
    """The fault is found when it is registered; JWT needs a server that can issue them."""
    resource = Resource(**({"identifier": ORDERS, "name": "Orders", "scopes": "read See"} | {column: value}))
    with pytest.raises(ValidationError) as refusal:
        resource.full_clean()
    assert list(refusal.value.message_dict) == [column]


def test_the_commands_register_and_list(guide: Guide) -> None:
    """The list shows what was registered."""
    options = ["--name=Orders", "--scope=read=See them", "--client=presc_man_123", "--access-token-lifetime=60"]
    options += ["--documentation-uri=https://api.example/docs"]
    call_command("create_resource", ORDERS, *options, stdout=StringIO())
    call_command("list_resources", "--json", stdout=(output := StringIO()))
    assert json.loads(output.getvalue()) == [
        {
            "identifier": ORDERS,
            "name": "Orders",
            "scopes": {"read": "See them"},
            "clients": ["presc_man_123"],
            "documentation_uri": "https://api.example/docs",
            "policy_uri": "",
            "tos_uri": "",
            "is_active": True,
        }
    ]
    call_command("list_resources", stdout=(table := StringIO()))
    assert ORDERS in table.getvalue()


@pytest.mark.parametrize(
    "options", [["orders", "--name=X"], [ORDERS, "--name=X", "--scope=read"], [ORDERS, "--name=X", "--client=no"]]
)
def test_the_command_refuses_in_a_sentence(db: None, options: list[str]) -> None:
    """An invalid command registers nothing."""
    with pytest.raises(CommandError):
        call_command("create_resource", *options)
    assert Resource.objects.count() == 0


def test_the_admin_has_them(admin_client: Browser, service: Guide) -> None:
    """The list, the search and the forms work."""
    pk = Resource.objects.get(identifier=ORDERS).pk
    urls = ["", "?q=orders", "add/", f"{pk}/change/", f"{pk}/history/", f"{pk}/delete/"]
    assert [admin_client.get(f"/admin/oauth_service/resource/{url}").status_code for url in urls] == [200] * len(urls)
