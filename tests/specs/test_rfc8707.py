"""RFC 8707: Resource Indicators for OAuth 2.0."""

import re
from itertools import combinations
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from oauth_service.models import Client, Consent, DeviceCode, Grant, Resource
from oauth_service.protocol import resource_indicators
from oauth_service.protocol.device_code import GRANT_TYPE
from tests.clauses import clause
from tests.database import connection
from tests.device.actors import Device, Visitor
from tests.endpoints.page import Page
from tests.grant_types.test_resources import GUARDED, ORDERS, SECRET_API, STOCK, service, status_at
from tests.guide import FORM, SECRET, Guide, query_of
from tests.specs.answers import refusal_of

__all__ = ["service"]

pytestmark = pytest.mark.urls("tests.grant_types.test_resources")

EVERY = "user profile orders:read stock:read"


def subsets(*every: str) -> list[tuple[str, ...]]:
    return [chosen for size in range(len(every) + 1) for chosen in combinations(every, size)]


def url_of(guide: Guide, *resources: str, **changes: str) -> str:
    """Return an authorization request."""
    pairs = [*guide.request(**{"scope": ""} | changes).items(), *(("resource", each) for each in resources)]
    return f"/authorise/?{urlencode(pairs)}"


def open_(guide: Guide, *resources: str, **changes: str) -> Any:
    """Open an authorization request as Alice."""
    guide.browser.force_login(guide.alice)
    return guide.browser.get(url_of(guide, *resources, **changes))


def press(guide: Guide, response: Any, words: str = "Allow") -> Any:
    """Press a button of the consent page: all of its hidden fields are sent, including repeated names."""
    fields = [(name, value) for name, value in response.context["parameters"]]
    body = [*fields, *([("deny", "1")] if words == "Deny" else [])]
    return guide.browser.post(response.context["action"], urlencode(body), content_type=FORM)


def code_for(guide: Guide, *resources: str, **changes: str) -> str:
    """Return a code, after asking Alice if necessary."""
    response = open_(guide, *resources, **changes)
    if response.status_code == 200:
        response = press(guide, response)
    return query_of(response["Location"])["code"]


def ask(guide: Guide, body: dict[str, str], *resources: str) -> Any:
    """Send POST /token/."""
    body = {"client_id": guide.client.client_id, "client_secret": SECRET, **body}
    pairs = [*body.items(), *(("resource", each) for each in resources)]
    return guide.server.post("/token/", urlencode(pairs), content_type=FORM)


def exchange(guide: Guide, code: str, *resources: str) -> Any:
    redirect_uri = guide.request()["redirect_uri"]
    return ask(guide, {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}, *resources)


def refresh(guide: Guide, token: str, *resources: str, **changes: str) -> Any:
    return ask(guide, {"grant_type": "refresh_token", "refresh_token": token, **changes}, *resources)


def audience_of(access_token: str) -> set[str]:
    """Return the resources at which a token is valid, by trying each view; "" for views of no resource."""
    return {resource for url, resource in GUARDED.items() if status_at(url, access_token) == 200}


@pytest.fixture
def shared(service: Guide) -> Guide:
    """Return the same client, with all scope of its resources."""
    Client.objects.update(scope=EVERY)
    return service


@clause("RFC 8707", "2.1")
@pytest.mark.parametrize("resources", subsets(ORDERS, STOCK), ids=str)
def test_a_code_is_for_what_was_asked(shared: Guide, resources: tuple[str, ...]) -> None:
    """ "The resource parameter indicates the protected resources"; without one nothing changes."""
    tokens = exchange(shared, code_for(shared, *resources)).json()
    assert audience_of(tokens["access_token"]) == (set(resources) or {""})
    renewed = refresh(shared, tokens["refresh_token"]).json()
    assert audience_of(renewed["access_token"]) == (set(resources) or {""})


@clause("RFC 8707", "2.1")
def test_the_consent_page_names_the_api(shared: Guide) -> None:
    """ "[...] the authorization server can [...] make it part of the approval": its name, identifier and scopes in words."""
    page = Page(open_(shared, ORDERS, scope="user orders:read"))
    assert "At Orders" in page.text
    assert ORDERS in page.text
    assert "See your orders" in page.items
    assert "stock" not in page.text.lower()


@clause("RFC 8707", "2.1")
def test_a_scope_of_an_api_is_shown_in_words_without_the_api_too(shared: Guide) -> None:
    """The client has the scope and names no resource."""
    assert "See your orders" in Page(open_(shared, scope="orders:read")).items


@clause("RFC 8707", "2")
@pytest.mark.parametrize(
    "resources",
    [
        ["https://api.example/unknown"],
        [SECRET_API],
        [ORDERS, SECRET_API],
        ["orders"],
        [ORDERS + "#x"],
        [ORDERS] * 2 + ["x"],
    ],
    ids=str,
)
def test_a_wrong_resource_is_an_invalid_target(shared: Guide, resources: list[str]) -> None:
    """ "invalid_target: The requested resource is invalid, missing, unknown, or malformed": at the client's own address."""
    response = open_(shared, *resources)
    assert response["Location"].startswith(shared.request()["redirect_uri"])
    answer = query_of(response["Location"])
    assert (answer["error"], answer["state"]) == ("invalid_target", "xyzABC123")
    assert not Consent.objects.exists()


@clause("RFC 8707", "2")
def test_a_resource_that_goes_while_the_page_is_open_is_an_invalid_target(shared: Guide) -> None:
    """The request is checked again when the user answers."""
    page = open_(shared, ORDERS)
    Resource.objects.filter(identifier=ORDERS).update(is_active=False)
    assert query_of(press(shared, page)["Location"])["error"] == "invalid_target"
    assert not Consent.objects.exists()


@clause("RFC 8707", "2")
def test_an_unverified_address_hears_nothing_of_it(shared: Guide) -> None:
    """The browser is not redirected before client and redirect_uri are verified."""
    response = open_(shared, "orders", redirect_uri="https://elsewhere.example/")
    assert (response.status_code, "Location" in response) == (400, False)


@clause("RFC 8707", "2.1")
def test_the_resources_go_through_the_login(shared: Guide) -> None:
    """The sign-in page keeps all of them, in their order."""
    login = Browser().get(url_of(shared, STOCK, ORDERS))["Location"]
    back = parse_qs(urlsplit(login).query)["next"][0]
    assert parse_qs(urlsplit(back).query)["resource"] == [STOCK, ORDERS]


@clause("RFC 8707", "2.1")
@pytest.mark.parametrize(
    ("resources", "scope", "error"),
    [([ORDERS], "stock:read", "invalid_scope"), ([STOCK], "user orders:read", "invalid_scope")],
)
def test_a_scope_of_another_resource_is_refused(shared: Guide, resources: list[str], scope: str, error: str) -> None:
    """The scope would mean nothing at the named resources."""
    assert query_of(open_(shared, *resources, scope=scope)["Location"])["error"] == error


@clause("RFC 8707", "2.1")
def test_a_remembered_consent_skips_no_resource_that_was_not_shown(shared: Guide) -> None:
    """Consent does not cover another resource, another scope, or a token without a resource after one with a resource."""
    for resources, scope, is_asked in [
        ((), "user", True), ((), "user", False), ((ORDERS,), "user", True), ((ORDERS,), "user", False),
        ((STOCK,), "user", True), ((ORDERS, STOCK), "user", False), ((ORDERS,), "user orders:read", True),
        ((ORDERS, STOCK), "user orders:read", False), ((ORDERS,), "user profile", True), ((STOCK,), "profile", True),
        ((), "orders:read", True), ((), "user orders:read", False),
    ]:  # fmt: skip
        response = open_(shared, *resources, scope=scope)
        assert (resources, scope, response.status_code) == (resources, scope, 200 if is_asked else 302)
        if is_asked:
            press(shared, response)


@clause("RFC 8707", "2.1")
def test_a_scope_that_two_apis_have_is_remembered_for_each(shared: Guide) -> None:
    """ "write" at one API has another meaning than at the other."""
    Resource.objects.filter(identifier=ORDERS).update(scopes="write Order things\nread See orders")
    Resource.objects.filter(identifier=STOCK).update(scopes="write Change the stock\nread See stock")
    Client.objects.update(scope="read write")
    code_for(shared, ORDERS, scope="write")
    code_for(shared, STOCK, scope="read")
    page = open_(shared, STOCK, scope="write")
    assert page.status_code == 200
    assert "Change the stock" in Page(page).items


@clause("RFC 8707", "2.2")
@pytest.mark.parametrize("shown", subsets(ORDERS, STOCK), ids=str)
@pytest.mark.parametrize("narrowed", subsets(ORDERS, STOCK, SECRET_API), ids=str)
def test_audiences_issued_were_shown_and_are_allowed(
    shared: Guide, shown: tuple[str, ...], narrowed: tuple[str, ...]
) -> None:
    """ "The resource parameter [...] a subset of the resources" of the grant: at the exchange and at each refresh."""
    code = code_for(shared, *shown)
    may = set(narrowed) <= set(shown)
    answer = exchange(shared, code, *narrowed)
    assert answer.status_code == (200 if may else 400), answer.content
    if not may:
        assert refusal_of(answer) == (400, "invalid_target")
        answer = exchange(shared, code)  # nothing was lost
        assert audience_of(answer.json()["access_token"]) == (set(shown) or {""})
    else:
        assert audience_of(answer.json()["access_token"]) == (set(narrowed) or set(shown) or {""})
    refresh_token = answer.json()["refresh_token"]
    answer = refresh(shared, refresh_token, *narrowed)
    assert answer.status_code == (200 if may else 400), answer.content
    if may:
        assert audience_of(answer.json()["access_token"]) == (set(narrowed) or set(shown) or {""})
        refresh_token = answer.json()["refresh_token"]
    whole = refresh(shared, refresh_token).json()  # a refresh token always has the whole of the grant's
    assert audience_of(whole["access_token"]) == (set(shown) or {""})
    assert Grant.objects.get().resources.split() == list(shown)


@clause("RFC 8707", "2.2")
def test_the_scope_is_narrowed_with_the_resource(shared: Guide) -> None:
    """ "[...] downscope the requested token": a scope of another API would be useless here."""
    code = code_for(shared, ORDERS, STOCK)
    tokens = exchange(shared, code, STOCK).json()
    assert tokens["scope"] == "user profile stock:read"
    assert refusal_of(refresh(shared, tokens["refresh_token"], STOCK, scope="orders:read")) == (400, "invalid_scope")
    assert refresh(shared, tokens["refresh_token"], ORDERS).json()["scope"] == "user profile orders:read"


@clause("RFC 8707", "2.2")
def test_a_resource_without_any_of_the_scope_is_an_invalid_target(shared: Guide) -> None:
    """A token that allows nothing is not issued; the code stays valid."""
    code = code_for(shared, ORDERS, STOCK, scope="orders:read")
    assert refusal_of(exchange(shared, code, STOCK)) == (400, "invalid_target")
    tokens = exchange(shared, code).json()
    assert refusal_of(refresh(shared, tokens["refresh_token"], STOCK)) == (400, "invalid_target")


@clause("RFC 8707", "3")
@pytest.mark.parametrize(
    "change",
    [
        lambda: Resource.objects.filter(identifier=ORDERS).update(is_active=False),
        lambda: Resource.objects.filter(identifier=ORDERS).delete(),
        lambda: Resource.objects.get(identifier=ORDERS).clients.clear(),
    ],
    ids=["switched off", "deleted", "taken from the client"],
)
def test_what_is_gone_ends_at_once(shared: Guide, change: Any) -> None:
    """Tokens, codes and refreshes stop working for it at once; the other resources go on, and never turn into all."""
    both, one = (
        exchange(shared, code_for(shared, ORDERS, STOCK)).json(),
        exchange(shared, code_for(shared, ORDERS)).json(),
    )
    code = code_for(shared, ORDERS)
    change()
    assert audience_of(both["access_token"]) == {STOCK}
    assert audience_of(one["access_token"]) == set()
    assert refusal_of(exchange(shared, code)) == (400, "invalid_target")
    assert refusal_of(refresh(shared, one["refresh_token"])) == (400, "invalid_target")
    assert refusal_of(refresh(shared, both["refresh_token"], ORDERS)) == (400, "invalid_target")
    assert audience_of(refresh(shared, both["refresh_token"]).json()["access_token"]) == {STOCK}


@clause("RFC 8707", "3")
def test_introspection_tells_no_resource_that_is_gone(shared: Guide, settings: Settings) -> None:
    """An API that asks must not learn that a token is valid at a resource where it is not."""
    settings.OAUTH_SERVICE_INTROSPECTION = True
    token = exchange(shared, code_for(shared, ORDERS, STOCK)).json()["access_token"]

    def told() -> tuple[bool, Any]:
        body = {"token": token, "client_id": shared.client.client_id, "client_secret": SECRET}
        members = shared.server.post("/introspect/", urlencode(body), content_type=FORM).json()
        return members["active"], members.get("aud")

    assert told() == (True, [ORDERS, STOCK])
    Resource.objects.filter(identifier=ORDERS).update(is_active=False)
    assert told() == (True, STOCK)
    Resource.objects.update(is_active=False)
    assert told() == (False, None)


# -- devices (RFC 8628 section 3.1 takes the parameters of other extensions) -------------------------------------------


@pytest.fixture
def device(shared: Guide, settings: Settings) -> Device:
    """Return a device of the app, which may ask for both APIs."""
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = True
    Client.objects.update(grant_types=f"{GRANT_TYPE} refresh_token")
    return Device(shared.client, shared.server, {"client_id": shared.client.client_id, "client_secret": SECRET})


def begun_for(device: Device, *resources: str, scope: str = "") -> Any:
    """Send POST /device-authorization/ for these APIs."""
    body = [
        *device.credentials.items(),
        *(("resource", each) for each in resources),
        *([("scope", scope)] if scope else []),
    ]
    return device.server.post("/device-authorization/", urlencode(body), content_type=FORM)


def allowed_for(guide: Guide, device: Device, *resources: str, scope: str = "") -> str:
    """Return the device code after Alice has allowed it."""
    begun = begun_for(device, *resources, scope=scope).json()
    assert "connected" in Page(press_device(guide, begun["user_code"])).text
    return str(begun["device_code"])


def press_device(guide: Guide, user_code: str, *, without: str = "") -> Any:
    """Enter a user code and press Allow: all hidden fields are sent, except one resource."""
    visitor = Visitor(guide.alice)
    page = visitor.enter(user_code)
    form = [(name, value) for name, value in fields_of(page) if value != without]
    return visitor.browser.post("/device/", urlencode([*form, ("allow", "1")]), content_type=FORM)


def fields_of(page: Any) -> list[tuple[str, str]]:
    """Return name and value of each hidden field of the decision, including repeats."""
    form = page.content.decode().rpartition("<form")[2]
    return re.findall(r'<input type="hidden"\s+name="([^"]+)"\s+value="([^"]*)"', form)


def opens(api: str, tokens: dict[str, Any]) -> int:
    """Return the status of a guarded view of an API."""
    return status_at({ORDERS: "/orders/", STOCK: "/stock/"}[api], tokens["access_token"])


def poll(device: Device, device_code: str, *resources: str) -> Any:
    """Send POST /token/ with the device code."""
    body = [*device.credentials.items(), ("grant_type", GRANT_TYPE), ("device_code", device_code)]
    body += [("resource", each) for each in resources]
    return device.server.post("/token/", urlencode(body), content_type=FORM)


@clause("RFC 8707", "2")
@pytest.mark.parametrize("resources", [subset for subset in subsets(ORDERS, STOCK) if subset], ids="+".join)
def test_a_device_asks_for_resources(shared: Guide, device: Device, resources: tuple[str, ...]) -> None:
    """ "[...] the target service or resource to which access is being requested": the token is only for those."""
    tokens = poll(device, allowed_for(shared, device, *resources)).json()
    assert [opens(each, tokens) for each in (ORDERS, STOCK)] == [
        200 if each in resources else 401 for each in (ORDERS, STOCK)
    ]
    assert Grant.objects.get().resources.split() == list(resources)


@clause("RFC 8707", "2")
@pytest.mark.parametrize("unknown", ["https://unknown.example/", SECRET_API, "orders", f"{ORDERS}#fragment"])
def test_a_device_that_names_another_resource_is_refused(device: Device, unknown: str) -> None:
    """
    "invalid_target": unknown, not for this client, or not an absolute URI, even next to a valid one. No device code is
    stored.
    """
    for resources in ((unknown,), (ORDERS, unknown)):
        assert refusal_of(begun_for(device, *resources)) == (400, "invalid_target")
    assert DeviceCode.objects.count() == 0


@clause("RFC 8707", "2.1")
def test_the_page_of_a_device_names_the_apis_with_their_scopes_in_words(shared: Guide, device: Device) -> None:
    """The page shows each scope at its API, as the consent page in the browser does."""
    begun = begun_for(device, ORDERS, STOCK).json()
    page = Page(Visitor(shared.alice).enter(begun["user_code"]))
    assert ("At Orders" in page.text, ORDERS in page.text, "At Stock" in page.text) == (True, True, True)
    assert {"See your orders", "See what is there"} <= set(page.items)


@clause("RFC 8707", "2.1")
def test_only_what_was_shown_and_allowed_is_given_to_a_device(shared: Guide, device: Device) -> None:
    """A form that leaves an API out gives no access to it, and one that adds an API gives nothing more."""
    begun = begun_for(device, ORDERS, STOCK).json()
    press_device(shared, begun["user_code"], without=STOCK)
    tokens = poll(device, begun["device_code"]).json()
    assert [opens(each, tokens) for each in (ORDERS, STOCK)] == [200, 401]
    assert set(resource_indicators.read(Consent.objects.get().resources)) == {ORDERS}
    begun = begun_for(device, ORDERS).json()
    visitor = Visitor(shared.alice)
    form = [*fields_of(visitor.enter(begun["user_code"])), ("resource", STOCK), ("allow", "1")]
    visitor.browser.post("/device/", urlencode(form), content_type=FORM)
    tokens = poll(device, begun["device_code"]).json()
    assert [opens(each, tokens) for each in (ORDERS, STOCK)] == [200, 401]


@clause("RFC 8707", "2.1")
def test_a_consent_without_an_api_is_none_for_it(shared: Guide, device: Device) -> None:
    """Consent for an API is separate from consent without one."""
    allowed_for(shared, device, scope="user")
    page = Page(Visitor(shared.alice).enter(begun_for(device, ORDERS).json()["user_code"]))
    assert "You have connected this app before" not in page.text
    allowed_for(shared, device, ORDERS)
    page = Page(Visitor(shared.alice).enter(begun_for(device, ORDERS).json()["user_code"]))
    assert "You have connected this app before" in page.text
    assert Consent.objects.get().scope == "user"


@clause("RFC 8707", "2.2")
@pytest.mark.parametrize("narrowed", [(ORDERS,), (STOCK,), (ORDERS, STOCK)], ids="+".join)
def test_a_device_narrows_at_the_token_endpoint(shared: Guide, device: Device, narrowed: tuple[str, ...]) -> None:
    """ "[...] a subset of the resources": this token is for those; a refresh can have all again."""
    tokens = poll(device, allowed_for(shared, device, ORDERS, STOCK), *narrowed).json()
    assert [opens(each, tokens) for each in (ORDERS, STOCK)] == [
        200 if each in narrowed else 401 for each in (ORDERS, STOCK)
    ]
    again = device.refresh(tokens["refresh_token"]).json()
    assert [opens(each, again) for each in (ORDERS, STOCK)] == [200, 200]


@clause("RFC 8707", "2.2")
def test_a_device_gets_nothing_for_what_was_not_allowed(shared: Guide, device: Device) -> None:
    """ "invalid_target"; the device code stays valid for the allowed resources."""
    for resources, beyond in (((ORDERS,), STOCK), ((), ORDERS)):
        device_code = allowed_for(shared, device, *resources, scope="" if resources else "user")
        assert refusal_of(poll(device, device_code, beyond)) == (400, "invalid_target")
        assert poll(device, device_code).status_code == 200


@clause("RFC 8707", "2")
def test_an_api_that_was_switched_off_meanwhile_is_not_shown_nor_given(shared: Guide, device: Device) -> None:
    """
    The API may be deactivated before the user decides, or before the device polls. If no API is left, there is nothing
    to allow.
    """
    one, both = begun_for(device, ORDERS).json(), begun_for(device, ORDERS, STOCK).json()
    allowed = allowed_for(shared, device, ORDERS)
    Resource.objects.filter(identifier=ORDERS).update(is_active=False)
    assert "has expired" in Page(Visitor(shared.alice).enter(one["user_code"])).text
    assert refusal_of(poll(device, allowed)) == (400, "invalid_target")
    page = Page(Visitor(shared.alice).enter(both["user_code"]))
    assert ("At Orders" in page.text, "At Stock" in page.text) == (False, True)
    press_device(shared, both["user_code"])
    tokens = poll(device, both["device_code"]).json()
    assert [opens(each, tokens) for each in (ORDERS, STOCK)] == [401, 200]


@clause("RFC 8707", "2")
def test_a_device_without_a_resource_costs_no_statement_more(shared: Guide, device: Device) -> None:
    """The table of resources is not read."""
    device_code = allowed_for(shared, device, scope="user")
    with CaptureQueriesContext(connection) as statements:
        device.begun(scope="user")
        assert poll(device, device_code).status_code == 200
    asked = [query["sql"] for query in statements.captured_queries]
    assert [sql for sql in asked if 'FROM "oauth_service_resource"' in sql] == []


@clause("RFC 8707", "2.1")
def test_the_connected_apps_describe_scopes_of_an_api_that_was_not_named(shared: Guide) -> None:
    """Users see the same words as on the consent page, not the names of the scopes."""
    code_for(shared, scope="user orders:read")
    items = Page(shared.browser.get("/manage-apps/")).items
    assert ("See your orders" in items, "orders:read" in items) == (True, False)


@clause("RFC 8707", "2.1")
def test_the_connected_apps_name_the_apis(shared: Guide) -> None:
    """An API that no longer exists is shown by its identifier."""
    code_for(shared, ORDERS, STOCK)
    page = Page(shared.browser.get("/manage-apps/"))
    assert "At Orders" in page.text
    assert {"See your orders", "See what is there"} <= set(page.items)
    Resource.objects.filter(identifier=ORDERS).delete()
    assert f"At {ORDERS}" in Page(shared.browser.get("/manage-apps/")).text
