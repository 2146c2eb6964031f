"""An API in a project that issues no tokens: it accepts those of a real server elsewhere, which is asked over HTTP."""

import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest, JsonResponse
from django.test import RequestFactory
from django.urls import include, path, set_urlconf
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from oauth_service.checks import check_deployment, check_surroundings, check_values
from oauth_service.clients import key_sets
from oauth_service.endpoints.protected_resource import protected_resource
from oauth_service.models import Client, Document, Resource
from oauth_service.outbound.fetch import FetchFailed
from oauth_service.protect import protect
from oauth_service.resources import remote
from oauth_service.resources.remote import RemoteBearer
from tests.actors import FORM
from tests.openid.conftest import RelyingParty, provider, rp

__all__ = ["provider", "rp"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("guards")]

ORDERS, STOCK = "https://api.example/orders", "https://api.example/stock"
API_SECRET = "a secret of the API that is random"
WORDS = {"orders": "Your orders", "orders:read": "See your orders"}


def told(request: Any) -> JsonResponse:
    """Return the facts that a guarded view finds."""
    found: RemoteBearer = request.bearer
    assert isinstance(found, RemoteBearer)
    return JsonResponse(
        {
            "subject": found.subject,
            "client_id": found.client_id,
            "scope": sorted(found.scope),
            "issuer": found.issuer,
            "user": request.user.get_username(),
        }
    )


@protect("orders:read", resource=ORDERS)
def orders(request: HttpRequest) -> JsonResponse:
    """A view of the API."""
    return told(request)


@protect("", resource=ORDERS, allow_clients=True)
def machines(request: HttpRequest) -> JsonResponse:
    """A view of the same API that also accepts tokens of clients."""
    return told(request)


@protect("orders:read", resource=ORDERS, max_age=300)
def recent(request: HttpRequest) -> JsonResponse:
    """A view of the same API that needs a recent sign-in."""
    return told(request)


urlpatterns = [
    path("orders/", orders),
    path("", include("oauth_service.resource_server")),
]


def carol_of(claims: dict[str, Any]) -> User | None:
    """Return the project's user for the subject."""
    return User.objects.filter(username="carol").first()


@pytest.fixture
def elsewhere(rp: RelyingParty, provider: Settings, live_server: LiveServer) -> RelyingParty:
    """A server in this process that is asked over HTTP: its clients, an API with JWTs, and an API that introspects."""
    remote.forget()
    key_sets.forget()
    provider.OAUTH_SERVICE_ISSUER = live_server.url
    provider.OAUTH_SERVICE_OUTBOUND_LOOPBACK = provider.OAUTH_SERVICE_INTROSPECTION = True
    provider.ALLOWED_HOSTS = ["*"]
    provider.OAUTH_SERVICE_SCOPES = {**provider.OAUTH_SERVICE_SCOPES, **WORDS}
    provider.OAUTH_SERVICE_REMOTE_ISSUERS = {live_server.url: {}}
    rp.client.scope += " orders orders:read"
    rp.client.grant_types += " client_credentials"
    rp.client.save()
    for identifier in (ORDERS, STOCK):
        Resource.objects.create(identifier=identifier, name=identifier, is_for_all=True, token_format="jwt")
    api = Client(
        client_id="orders_api", name="Orders", grant_types="client_credentials", introspection_resources=ORDERS
    )
    api.choose_secret(API_SECRET)
    api.save()
    return rp


@pytest.fixture
def asking(elsewhere: RelyingParty, provider: Settings, live_server: LiveServer) -> RelyingParty:
    """The same server with opaque tokens, about which the API asks by introspection."""
    Resource.objects.update(token_format="opaque")
    options = {"client_id": "orders_api", "client_secret": API_SECRET}
    provider.OAUTH_SERVICE_REMOTE_ISSUERS = {live_server.url: options}
    return elsewhere


def ask(token: str, view: Any = orders) -> Any:
    """Send a request to the API, in the project with the URLs above."""
    set_urlconf(__name__)
    try:
        return view(RequestFactory().get("/orders/", headers={"Authorization": f"Bearer {token}"}))
    finally:
        set_urlconf(None)


def status_at(token: str, view: Any = orders) -> int:
    return int(ask(token, view).status_code)


def token_of(party: RelyingParty, **changes: str) -> str:
    """Return a user's access token for the orders."""
    return str(party.tokens(**{"scope": "orders:read", "resource": ORDERS, **changes})["access_token"])


def own_token(party: RelyingParty) -> str:
    """Return a token that the client has for itself."""
    body = {"grant_type": "client_credentials", "resource": ORDERS, "scope": "orders:read", **party.credentials}
    return str(party.server.post("/token/", urlencode(body), content_type=FORM).json()["access_token"])


def fail(*_: object, **__: object) -> Any:
    """Fail as if the issuer were down."""
    raise FetchFailed("connection refused")


# -- JWTs and introspection --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["elsewhere", "asking"])
def test_a_good_token_opens_the_api(request: pytest.FixtureRequest, live_server: LiveServer, way: str) -> None:
    """The user is known at the issuer; the API's project does not need to know them."""
    party: RelyingParty = request.getfixturevalue(way)
    expected = {"client_id": "rp", "scope": ["orders:read"], "issuer": live_server.url, "user": ""}
    answer = ask(token_of(party))
    assert answer.status_code == 200, answer.content
    import json

    found = json.loads(answer.content)
    assert (found.pop("subject") != "", found) == (True, expected)


@pytest.mark.parametrize("way", ["elsewhere", "asking"])
def test_what_is_not_good_enough_is_refused(request: pytest.FixtureRequest, way: str) -> None:
    """Audience, scope, user and sign-in are checked as for this project's own tokens."""
    party: RelyingParty = request.getfixturevalue(way)
    good = token_of(party)
    assert {
        "another API": status_at(token_of(party, resource=STOCK)),
        "less scope": status_at(token_of(party, scope="orders profile", resource=ORDERS)),
        "a client": status_at(own_token(party)),
        "a client, let in": status_at(own_token(party), machines),
        "no sign-in that is known": status_at(good, recent),
        "a recent sign-in": status_at(token_of(party, max_age="300"), recent),
        "changed": status_at(good[:-6] + ("AAAAAA" if not good.endswith("AAAAAA") else "BBBBBB")),
        "nonsense": status_at("AT_nonsense"),
        "no JWT": status_at("eyJhbGciOiJub25lIn0.e30."),
    } == {
        "another API": 401,
        "less scope": 403,
        "a client": 403,
        "a client, let in": 200,
        "no sign-in that is known": 401,
        "a recent sign-in": 200,
        "changed": 401,
        "nonsense": 401,
        "no JWT": 401,
    }


def test_scopes_that_imply_others_do_so_here(elsewhere: RelyingParty, provider: Settings) -> None:
    """This project declares the implied scopes."""
    token = token_of(elsewhere, scope="orders")
    assert status_at(token) == 403
    provider.OAUTH_SERVICE_SCOPE_IMPLIES = {"orders": "orders:read"}
    assert status_at(token) == 200


@pytest.mark.parametrize("way", ["elsewhere", "asking"])
def test_the_project_may_say_whose_token_it_is(
    request: pytest.FixtureRequest, provider: Settings, live_server: LiveServer, way: str
) -> None:
    """A token of an unknown or inactive user is refused. The project is asked on every request."""
    token = token_of(request.getfixturevalue(way))
    options = provider.OAUTH_SERVICE_REMOTE_ISSUERS[live_server.url]
    user = f"{__name__}.carol_of"
    provider.OAUTH_SERVICE_REMOTE_ISSUERS = {live_server.url: {**options, "user": user}}
    assert status_at(token) == 401
    User.objects.create_user("carol")
    assert b'"user": "carol"' in ask(token).content
    provider.AUTHENTICATION_BACKENDS = [f"{__name__}.NotToday"]
    assert status_at(token) == 401
    provider.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    assert status_at(token) == 200
    User.objects.filter(username="carol").update(is_active=False)
    assert status_at(token) == 401


class NotToday(ModelBackend):
    """A project's backend that refuses users for a reason of its own."""

    def user_can_authenticate(self, user: object) -> bool:
        return False


# -- JWTs --------------------------------------------------------------------------------------------------------------


def test_an_id_token_opens_nothing(elsewhere: RelyingParty) -> None:
    """ "the typ header value MUST be at+jwt" (RFC 9068 section 4)."""
    tokens = elsewhere.tokens(scope="openid orders:read", resource=ORDERS)
    assert [status_at(tokens[name]) for name in ("access_token", "id_token")] == [200, 401]


def test_a_jwt_of_somebody_else_is_told_to_nobody(
    elsewhere: RelyingParty, provider: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An issuer that the settings do not name is never contacted for its keys."""
    token = token_of(elsewhere)
    provider.OAUTH_SERVICE_REMOTE_ISSUERS = {"https://other.example": {"client_id": "a", "client_secret": "b"}}
    provider.OAUTH_SERVICE_ISSUER = "https://api.example"
    monkeypatch.setattr("oauth_service.outbound.fetch.fetch", lambda *_, **__: pytest.fail("somebody was asked"))
    assert status_at(token) == 401


def test_an_expired_jwt_is_refused(elsewhere: RelyingParty) -> None:
    """The check tolerates a minute of clock difference."""
    token = token_of(elsewhere)
    with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=70), tick=True):
        assert status_at(token) == 401


def test_keys_are_fetched_once_and_serve_while_the_issuer_is_down(
    elsewhere: RelyingParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other workers, and this one after a restart, read the keys from the database."""
    token = token_of(elsewhere)
    assert status_at(token) == 200
    monkeypatch.setattr("oauth_service.outbound.fetch.fetch", fail)
    for _time in range(2):
        remote.forget()
        key_sets.forget()
        assert status_at(token) == 200
        Document.objects.update(fresh_until=timezone.now() - timedelta(hours=1))


def test_without_any_keys_the_answer_is_come_back(elsewhere: RelyingParty, monkeypatch: pytest.MonkeyPatch) -> None:
    """The response is 503 instead of 401, so that no client discards a valid token."""
    token = token_of(elsewhere)
    monkeypatch.setattr("oauth_service.outbound.fetch.fetch", fail)
    answer = ask(token)
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")


def test_metadata_of_another_issuer_is_not_believed(
    elsewhere: RelyingParty, provider: Settings, live_server: LiveServer
) -> None:
    """ "these values MUST be identical" (RFC 8414 section 3.3)."""
    token = token_of(elsewhere)
    provider.OAUTH_SERVICE_ISSUER = "https://elsewhere.example"
    assert status_at(token) == 503


# -- introspection -----------------------------------------------------------------------------------------------------


def revoke(party: RelyingParty, token: str) -> None:
    body = {"token": token, **party.credentials}
    assert party.server.post("/oauth/revoke/", urlencode(body), content_type=FORM).status_code == 200


def test_a_revocation_is_known_when_the_answer_is_too_old(asking: RelyingParty, provider: Settings) -> None:
    """A revoked token stays valid for as long as the setting allows, and no longer."""
    provider.OAUTH_SERVICE_REMOTE_CACHE = timedelta(seconds=1)
    token = token_of(asking)
    assert status_at(token) == 200
    revoke(asking, token)
    assert status_at(token) == 200
    time.sleep(1.05)
    assert status_at(token) == 401


def test_without_a_cache_it_is_known_at_once(asking: RelyingParty, provider: Settings) -> None:
    """Without a cache, each request asks the issuer."""
    provider.OAUTH_SERVICE_REMOTE_CACHE = timedelta(0)
    token = token_of(asking)
    assert status_at(token) == 200
    revoke(asking, token)
    assert status_at(token) == 401


def test_an_answer_is_kept_and_a_refusal_is_not(asking: RelyingParty, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused token may be valid a moment later."""
    good = token_of(asking)
    assert [status_at(good), status_at("AT_nonsense")] == [200, 401]
    monkeypatch.setattr("oauth_service.outbound.fetch.fetch", fail)
    assert [status_at(good), status_at("AT_nonsense")] == [200, 503]


def test_no_more_answers_are_kept_than_there_is_room_for(asking: RelyingParty, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest entry is removed first."""
    monkeypatch.setattr(remote, "MOST_KEPT", 2)
    tokens = [token_of(asking) for _ in range(3)]
    assert [status_at(token) for token in tokens] == [200, 200, 200]
    monkeypatch.setattr("oauth_service.outbound.fetch.fetch", fail)
    assert [status_at(token) for token in tokens] == [503, 200, 200]


def test_an_answer_is_not_kept_beyond_the_tokens_end(asking: RelyingParty, provider: Settings) -> None:
    """The token's own expiry takes precedence over the setting."""
    provider.OAUTH_SERVICE_REMOTE_CACHE = timedelta(minutes=5)
    provider.OAUTH_SERVICE_ACCESS_TOKEN_LIFETIME = timedelta(seconds=2)
    token = token_of(asking)
    assert status_at(token) == 200
    time.sleep(2.1)
    assert status_at(token) == 401


def test_an_issuer_that_does_not_know_us_is_a_503_and_in_the_log(
    asking: RelyingParty, provider: Settings, live_server: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The operator has to fix it, not the client. The log contains no secret."""
    options = {"client_id": "orders_api", "client_secret": "another one that is wrong"}
    provider.OAUTH_SERVICE_REMOTE_ISSUERS = {live_server.url: options}
    token = token_of(asking)
    assert status_at(token) == 503
    assert "does it know this project's client" in caplog.text
    assert token not in caplog.text
    assert options["client_secret"] not in caplog.text


def test_a_refresh_token_is_no_access_token(asking: RelyingParty, provider: Settings, live_server: LiveServer) -> None:
    """The server tells its own client about a refresh token, but an API must not accept one."""
    options = {"client_id": "rp", "client_secret": asking.credentials["client_secret"]}
    provider.OAUTH_SERVICE_REMOTE_ISSUERS = {live_server.url: options}
    tokens = asking.tokens(scope="orders:read", resource=ORDERS)
    assert status_at(tokens["refresh_token"]) == 401


# -- a project that is nothing else ------------------------------------------------------------------------------------


def test_the_metadata_names_the_issuers(provider: Settings) -> None:
    """The API is registered at the issuer and has no row here (RFC 9728 section 2)."""
    provider.ALLOWED_HOSTS = ["api.example"]
    provider.OAUTH_SERVICE_REMOTE_ISSUERS = {"https://id.example": {}, "https://login.example": {}}
    request = RequestFactory().get("/", headers={"Host": "api.example"})
    import json

    assert json.loads(protected_resource(request, resource_path="orders").content) == {  # type: ignore[attr-defined]
        "resource": ORDERS,
        "authorization_servers": ["https://id.example", "https://login.example"],
        "scopes_supported": ["orders:read"],
        "bearer_methods_supported": ["header"],
    }
    assert protected_resource(request, resource_path="unknown").status_code == 404


@pytest.mark.urls("tests.resources.test_remote")
def test_such_a_project_needs_neither_pages_nor_sessions(settings: Settings) -> None:
    """Users do not sign in there."""
    settings.MIDDLEWARE, settings.OAUTH_SERVICE_ISSUER = [], ""
    settings.OAUTH_SERVICE_RESOURCE = ORDERS
    settings.OAUTH_SERVICE_REMOTE_ISSUERS = {"https://id.example": {}}
    checks = (check_values, check_surroundings, check_deployment)
    assert [message for check in checks for message in check(None)] == []


@pytest.mark.parametrize(
    ("issuers", "found"),
    [
        ({"https://id.example": {}}, []),
        ({"https://id.example": {"client_id": "a", "client_secret": "b"}}, []),
        ({"https://id.example": {"user": f"{__name__}.carol_of"}}, []),
        ({"https://id.example": {"user": f"{__name__}.nobody"}}, ["E051"]),
        ({"https://id.example": {"client_id": "a"}}, ["E051"]),
        ({"https://id.example": {"client_secret": "a"}}, ["E051"]),
        ({"https://id.example": {"jwks_uri": ""}}, ["E051"]),
        ({"https://id.example": {"clientid": "a"}}, ["E051"]),
        ({"https://id.example/": {}}, ["E051"]),
        ({"http://id.example": {}}, ["E051"]),
        ({"": {}}, ["E051"]),
        ({"http://localhost:8000": {}}, ["E051"]),
        (
            {name: {"client_id": "a", "client_secret": "b"} for name in ("https://a.example", "https://b.example")},
            ["E051"],
        ),
        ({"https://id.example": "a"}, ["E002"]),
        ({"https://id.example": {"jwks_uri": 1}}, ["E002"]),
        (["https://id.example"], ["E002"]),
    ],
)
def test_the_checks_find_what_cannot_be_meant(settings: Settings, issuers: Any, found: list[str]) -> None:
    """Mistakes are reported before the first token arrives."""
    settings.OAUTH_SERVICE_REMOTE_ISSUERS = issuers
    assert [str(each.id).removeprefix("oauth_service.") for each in check_values(None)] == found
