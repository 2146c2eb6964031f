"""RFC 8707: Resource Indicators for OAuth 2.0."""

from itertools import combinations
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client as Browser
from pytest_django import Settings

from oauth_service.models import Client, Consent, Grant, Resource
from oauth_service.protocol.device_code import GRANT_TYPE
from tests.clauses import clause
from tests.device.actors import Device
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
    """An authorization request."""
    pairs = [*guide.request(**{"scope": ""} | changes).items(), *(("resource", each) for each in resources)]
    return f"/authorise/?{urlencode(pairs)}"


def open_(guide: Guide, *resources: str, **changes: str) -> Any:
    """Alice opens it."""
    guide.browser.force_login(guide.alice)
    return guide.browser.get(url_of(guide, *resources, **changes))


def press(guide: Guide, response: Any, words: str = "Allow") -> Any:
    """Press a button of the consent page: all of its hidden fields are sent, those of one name too."""
    fields = [(name, value) for name, value in response.context["parameters"]]
    body = [*fields, *([("deny", "1")] if words == "Deny" else [])]
    return guide.browser.post(response.context["action"], urlencode(body), content_type=FORM)


def code_for(guide: Guide, *resources: str, **changes: str) -> str:
    """The code of somebody who is asked, or was asked before."""
    response = open_(guide, *resources, **changes)
    if response.status_code == 200:
        response = press(guide, response)
    return query_of(response["Location"])["code"]


def ask(guide: Guide, body: dict[str, str], *resources: str) -> Any:
    """POST /token/."""
    body = {"client_id": guide.client.client_id, "client_secret": SECRET, **body}
    pairs = [*body.items(), *(("resource", each) for each in resources)]
    return guide.server.post("/token/", urlencode(pairs), content_type=FORM)


def exchange(guide: Guide, code: str, *resources: str) -> Any:
    redirect_uri = guide.request()["redirect_uri"]
    return ask(guide, {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}, *resources)


def refresh(guide: Guide, token: str, *resources: str, **changes: str) -> Any:
    return ask(guide, {"grant_type": "refresh_token", "refresh_token": token, **changes}, *resources)


def audience_of(access_token: str) -> set[str]:
    """Where a token is good: each guarded view is asked; "" for those that belong to none."""
    return {resource for url, resource in GUARDED.items() if status_at(url, access_token) == 200}


@pytest.fixture
def shared(service: Guide) -> Guide:
    """The same client, with all the scope that its resources have."""
    Client.objects.update(scope=EVERY)
    return service


@clause("RFC 8707", "2.1")
@pytest.mark.parametrize("resources", subsets(ORDERS, STOCK), ids=str)
def test_a_code_is_for_what_was_asked(shared: Guide, resources: tuple[str, ...]) -> None:
    """ "The resource parameter indicates the protected resources"; without any the token is one as ever."""
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
    """A client that has the scope and names no resource."""
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
    """The answer is judged again."""
    page = open_(shared, ORDERS)
    Resource.objects.filter(identifier=ORDERS).update(is_active=False)
    assert query_of(press(shared, page)["Location"])["error"] == "invalid_target"
    assert not Consent.objects.exists()


@clause("RFC 8707", "2")
def test_an_unverified_address_hears_nothing_of_it(shared: Guide) -> None:
    """No redirect before client and redirect_uri are verified."""
    response = open_(shared, "orders", redirect_uri="https://elsewhere.example/")
    assert (response.status_code, "Location" in response) == (400, False)


@clause("RFC 8707", "2.1")
def test_the_resources_go_through_the_login(shared: Guide) -> None:
    """All of them, in their order."""
    login = Browser().get(url_of(shared, STOCK, ORDERS))["Location"]
    back = parse_qs(urlsplit(login).query)["next"][0]
    assert parse_qs(urlsplit(back).query)["resource"] == [STOCK, ORDERS]


@clause("RFC 8707", "2.1")
@pytest.mark.parametrize(
    ("resources", "scope", "error"),
    [([ORDERS], "stock:read", "invalid_scope"), ([STOCK], "user orders:read", "invalid_scope")],
)
def test_a_scope_of_another_resource_is_refused(shared: Guide, resources: list[str], scope: str, error: str) -> None:
    """It would mean nothing at those that were named."""
    assert query_of(open_(shared, *resources, scope=scope)["Location"])["error"] == error


@clause("RFC 8707", "2.1")
def test_a_remembered_consent_skips_no_resource_that_was_not_shown(shared: Guide) -> None:
    """Nor a scope at one, nor a token without one after a token with one, nor the reverse."""
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
    """ "write" at one is another thing than at the other."""
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
    """ "[...] downscope the requested token": a scope of another API is of no use here."""
    code = code_for(shared, ORDERS, STOCK)
    tokens = exchange(shared, code, STOCK).json()
    assert tokens["scope"] == "user profile stock:read"
    assert refusal_of(refresh(shared, tokens["refresh_token"], STOCK, scope="orders:read")) == (400, "invalid_scope")
    assert refresh(shared, tokens["refresh_token"], ORDERS).json()["scope"] == "user profile orders:read"


@clause("RFC 8707", "2.2")
def test_a_resource_without_any_of_the_scope_is_an_invalid_target(shared: Guide) -> None:
    """A token that could do nothing is none; the code stays good."""
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
    """Neither tokens that are out, nor a code, nor a refresh opens it; what is left goes on, and never turns into all."""
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
    """An API that asks must not learn that a token is good where it is not."""
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


@clause("RFC 8707", "2")
def test_a_device_that_names_a_resource_is_refused(shared: Guide, settings: Settings) -> None:
    """Not ignored: its token would be for something else."""
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = True
    Client.objects.update(grant_types=GRANT_TYPE)
    device = Device(shared.client, shared.server, {"client_id": shared.client.client_id, "client_secret": SECRET})
    assert refusal_of(device.begin(resource=ORDERS)) == (400, "invalid_target")
    begun = device.begun()
    assert refusal_of(ask(shared, {"grant_type": GRANT_TYPE, "device_code": begun["device_code"]}, ORDERS)) == (
        400,
        "authorization_pending",
    )


@clause("RFC 8707", "2.1")
def test_the_connected_apps_name_the_apis(shared: Guide) -> None:
    """Also one that is gone, by its identifier."""
    code_for(shared, ORDERS, STOCK)
    page = Page(shared.browser.get("/manage-apps/"))
    assert "At Orders" in page.text
    assert {"See your orders", "See what is there"} <= set(page.items)
    Resource.objects.filter(identifier=ORDERS).delete()
    assert f"At {ORDERS}" in Page(shared.browser.get("/manage-apps/")).text
