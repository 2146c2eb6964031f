"""Token exchange: nothing is written, nothing widens, and an exchanged token ends with everything that it comes from."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client as Browser
from django.urls import include, path
from django.utils import timezone
from hypothesis import HealthCheck, given, strategies
from hypothesis import settings as bounded
from pytest_django import Settings

from oauth_service import conf
from oauth_service.models import AuditEvent, Client, Consent, Grant, Resource
from oauth_service.protect import ProtectedRequest, protect
from oauth_service.protocol import sealed, token_exchange
from oauth_service.protocol.device_code import GRANT_TYPE as DEVICE_CODE
from oauth_service.protocol.errors import InvalidToken
from oauth_service.protocol.secret import Secret
from oauth_service.protocol.token_exchange import GRANT_TYPE, Exchange, ExchangeRefused
from oauth_service.resources.requirement import check_audience
from oauth_service.signals import token_exchanged
from oauth_service.tokens import access_token
from oauth_service.watch import audit
from oauth_service.watch.doctor.facts import registration_of
from tests.architecture.test_query_budgets import at_most
from tests.device.actors import Device, Visitor
from tests.exchanges import Service, service_for
from tests.grant_types.test_client_credentials import counts
from tests.guide import JSON, SECRET, Guide
from tests.specs.answers import refusal_of

pytestmark = pytest.mark.urls("tests.grant_types.test_token_exchange")

API, STOCK = "https://api.example/", "https://stock.example/"


@protect("profile")
def who(request: ProtectedRequest) -> HttpResponse:
    """Return the user and the clients of the request."""
    bearer = request.bearer
    actor = bearer.actor.sub if bearer.actor else "nobody"
    return HttpResponse(f"{request.user} {bearer.client_id} {bearer.app_client_id or 'itself'} {actor}")


urlpatterns = [path("", include("oauth_service.urls")), path("who/", who)]


@pytest.fixture
def service(guide: Guide) -> Service:
    """Return a service that may delegate and impersonate for users of the guide's app."""
    return service_for(guide.client)


@pytest.fixture
def resources(db: None) -> None:
    """Register two APIs that every client may ask for."""
    for identifier in (API, STOCK):
        Resource.objects.create(identifier=identifier, name=identifier, is_for_all=True)


@pytest.fixture
def subject(guide: Guide) -> str:
    """Return an access token of the app."""
    return str(guide.tokens()["access_token"])


def issued(response: Any) -> str:
    """Return the token in a response."""
    assert response.status_code == 200, response.content
    return str(response.json()["access_token"])


def resealed(token: str, **changes: Any) -> str:
    """Return an access token of the same grant with other content."""
    payload = sealed.read(sealed.AccessToken, token).payload
    grant = Grant.objects.get(pk=payload.row_id)
    return sealed.seal(replace(payload, **changes), conf.token_keys()[0], bytes(grant.secret))


def payload_of(token: str) -> sealed.AccessToken:
    """Return the content of a token."""
    return sealed.read(sealed.AccessToken, token).payload


# -- guarded views -----------------------------------------------------------------------------------------------------


def test_a_view_sees_who_acts_for_whom(guide: Guide, service: Service, subject: str) -> None:
    """The view sees the user, the service, the app, and the actor."""
    tokens = (subject, issued(service.exchange(subject)), issued(service.delegate(subject)))
    told = [Browser().get("/who/", headers={"Authorization": f"Bearer {each}"}).content.decode() for each in tokens]
    app = guide.client.client_id
    assert told == [
        f"alice {app} itself nobody",
        f"alice orders {app} nobody",
        f"alice orders {app} orders",
    ]


def test_claims_that_the_app_asked_for_are_not_told_to_the_service(service: Service, subject: str) -> None:
    """The service does not learn how the user signed in, either."""
    found = access_token.verify(Secret(issued(service.exchange(subject))), now=timezone.now())
    assert found.openid is None


# -- cost --------------------------------------------------------------------------------------------------------------


def test_an_exchange_writes_nothing_and_asks_two(service: Service, subject: str) -> None:
    """A statement is for the service, another one for the subject token with its grant."""
    actor = service.own_token()
    service.delegate(subject, actor)
    before = counts()
    with at_most(2):
        issued(service.exchange(subject))
    with at_most(3):  # and the actor token
        issued(service.delegate(subject, actor))
    assert {name: count for name, count in counts().items() if name != "AuditEvent"} == {
        name: count for name, count in before.items() if name != "AuditEvent"
    }


def test_who_acts_costs_one_statement_more_where_it_is_used(service: Service, subject: str) -> None:
    """Without an actor there is no additional statement."""
    token = issued(service.delegate(subject))
    service.userinfo(token)
    with at_most(1):
        assert service.userinfo(subject).status_code == 200
    with at_most(2):
        assert service.userinfo(token).status_code == 200


# -- endings -----------------------------------------------------------------------------------------------------------

ENDS: dict[str, Callable[[Guide, Service, str], object]] = {
    "the connection is ended": lambda guide, service, subject: Grant.objects.all().delete(),
    "the consent is withdrawn": lambda guide, service, subject: Consent.objects.withdraw(Consent.objects.get()),
    "the app is deauthorised": lambda guide, service, subject: guide.deauthorise(),
    "the user is disabled": lambda guide, service, subject: User.objects.update(is_active=False),
    "the app is disabled": lambda guide, service, subject: Client.objects.filter(pk=guide.client.pk).update(
        is_active=False
    ),
    "the service is disabled": lambda guide, service, subject: Client.objects.filter(pk=service.client.pk).update(
        is_active=False
    ),
    "the service is deleted": lambda guide, service, subject: service.client.delete(),
    "the service may not exchange": lambda guide, service, subject: Client.objects.filter(client_id="orders").update(
        grant_types="client_credentials"
    ),
    "the service may not act": lambda guide, service, subject: Client.objects.filter(client_id="orders").update(
        may_delegate=False, may_impersonate=False
    ),
    "the app lets it no more": lambda guide, service, subject: Client.objects.filter(pk=guide.client.pk).update(
        exchangeable_by=""
    ),
    "the subject token is revoked": lambda guide, service, subject: guide.revoke(subject),
}


@pytest.mark.parametrize("is_delegation", [True, False], ids=["act", "pass"])
@pytest.mark.parametrize("end", ENDS)
def test_an_exchanged_token_ends_with_its_origin(
    guide: Guide, service: Service, subject: str, end: str, is_delegation: bool
) -> None:
    """The token ends at once, without any write."""
    token = issued(service.delegate(subject) if is_delegation else service.exchange(subject))
    assert service.is_alive(token)
    ENDS[end](guide, service, subject)
    assert not service.is_alive(token)


def test_it_dies_with_every_service_of_the_chain_and_every_token(guide: Guide, service: Service, subject: str) -> None:
    """Every link of the chain counts, not only the last service, which has the token."""
    second = service_for(service.client, "stock")
    first = issued(service.delegate(subject))
    tokens = [issued(second.delegate(first)) for _ in range(2)]
    assert [second.is_alive(each) for each in tokens] == [True, True]
    service.revoke(first)
    assert [second.is_alive(each) for each in tokens] == [False, False]
    other = issued(second.delegate(issued(service.delegate(subject))))
    Client.objects.filter(client_id="orders").update(is_active=False)
    assert not second.is_alive(other)
    assert guide.is_alive(subject)


def test_the_service_revokes_its_own_and_the_app_does_not(guide: Guide, service: Service, subject: str) -> None:
    """Only the client that a token was issued to can revoke it (RFC 7009 section 2.1)."""
    token = issued(service.exchange(subject))
    guide.revoke(token)
    assert service.is_alive(token)
    service.revoke(token)
    assert (service.is_alive(token), guide.is_alive(subject)) == (False, True)


def test_what_is_taken_from_the_service_is_lost_to_its_tokens(service: Service, subject: str) -> None:
    """A scope that staff take from a client ends at once, for exchanged tokens as for those of apps."""
    token = issued(service.exchange(subject))
    Client.objects.filter(client_id="orders").update(scope="profile")
    assert access_token.verify(Secret(token), now=timezone.now()).scope == {"profile"}


# -- nothing widens ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("resources")
def test_a_subject_token_is_exchanged_for_what_it_is_for(service: Service, subject: str) -> None:
    """The request names some of its resources, or gets all of them."""
    token = resealed(subject, audience=(API, STOCK))
    answers = [
        payload_of(issued(service.exchange(token, resource=API))).audience,
        payload_of(issued(service.exchange(token, audience=[STOCK, API]))).audience,
        payload_of(issued(service.exchange(token, audience=STOCK, resource=API))).audience,
        payload_of(issued(service.exchange(token))).audience,
    ]
    assert answers == [(API,), (STOCK, API), (API, STOCK), (API, STOCK)]
    assert refusal_of(service.exchange(token, resource="https://other.example/")) == (400, "invalid_target")


@pytest.mark.usefixtures("resources")
def test_a_second_exchange_escapes_no_limit_of_the_first(service: Service, subject: str) -> None:
    """Scope, audience and end are limited by the presented token, not by the grant."""
    token = resealed(subject, audience=(API, STOCK))
    narrow = issued(service.delegate(token, resource=API, scope="profile"))
    for changes in ({"resource": STOCK}, {"scope": "user profile"}):
        assert service.delegate(narrow, **changes).status_code == 400
    again = payload_of(issued(service.delegate(narrow)))
    assert (again.scope, again.audience) == ("profile", (API,))
    assert again.expires_at <= payload_of(narrow).expires_at


def test_a_resource_is_asked_for_by_those_that_it_is_for(guide: Guide, service: Service, subject: str) -> None:
    """
    The rule applies even if the request does not name the resource. Its tokens live no longer than the resource allows.
    """
    resource = Resource.objects.create(identifier=API, name="API", access_token_lifetime=timedelta(minutes=5))
    resource.clients.add(guide.client)
    token = resealed(subject, audience=(API,))
    for changes in ({}, {"resource": API}):
        assert refusal_of(service.exchange(token, **changes)) == (400, "invalid_target")
    resource.clients.add(service.client)
    assert service.exchange(token).json()["expires_in"] == 300


def test_a_token_without_a_resource_is_for_that_of_the_server(
    service: Service, subject: str, settings: Settings
) -> None:
    """The resource may be named, and the new token is for it, too."""
    settings.OAUTH_SERVICE_RESOURCE = API
    for changes in ({}, {"resource": API}):
        token = issued(service.exchange(subject, **changes))
        assert (payload_of(token).audience, service.is_alive(token)) == ((API,), True)


@pytest.mark.parametrize("loser", ["the app", "an earlier service", "the service"])
def test_an_api_that_is_taken_from_a_client_is_lost_to_all_who_act_through_it(
    guide: Guide, service: Service, subject: str, settings: Settings, loser: str
) -> None:
    """Otherwise an exchange would turn a token that its API refuses into one that it accepts."""
    settings.OAUTH_SERVICE_INTROSPECTION = True
    last = service_for(service.client, "billing")
    api, open_api = (Resource.objects.create(identifier=each, name=each) for each in (API, STOCK))
    for each in (guide.client, service.client, last.client):
        each.resources.set([api, open_api])
    token = resealed(subject, audience=(API, STOCK))
    before = [last.delegate(issued(service.delegate(token, resource=each)), resource=each) for each in (API, STOCK)]
    exchanged, at_stock = map(issued, before)
    api.clients.remove(
        {"the app": guide.client, "an earlier service": service.client, "the service": last.client}[loser]
    )

    def is_good(text: str, identifier: str) -> bool:
        found = access_token.verify(Secret(text), now=timezone.now())
        answer = last.server.post("/introspect/", {"token": text, **last.credentials}, content_type=JSON).json()
        try:
            check_audience(found, identifier)
        except InvalidToken:
            return bool(answer["active"])
        return bool(answer["active"] and answer["aud"] == identifier)

    assert (is_good(exchanged, API), is_good(at_stock, STOCK)) == (False, True)
    one = issued(service.delegate(token, resource=STOCK)) if loser != "the service" else at_stock
    assert refusal_of(last.delegate(exchanged))[0] == 400
    assert is_good(issued(last.delegate(one, resource=STOCK)), STOCK)
    if loser == "the app":
        assert refusal_of(service.delegate(token, resource=API)) == (400, "invalid_target")
        assert refusal_of(service.delegate(resealed(subject, audience=(API,)))) == (400, "invalid_request")


def test_introspection_says_who_acts(service: Service, subject: str, settings: Settings) -> None:
    """RFC 8693 section 4.1 and RFC 7662 section 2.2 define the claim."""
    settings.OAUTH_SERVICE_INTROSPECTION = True
    told = [
        service.server.post("/introspect/", {"token": token, **service.credentials}, content_type=JSON).json()
        for token in (issued(service.delegate(subject)), issued(service.exchange(subject)))
    ]
    assert [each["active"] for each in told] == [True, True]
    assert [each.get("act") for each in told] == [{"sub": "orders", "client_id": "orders"}, None]


@pytest.mark.usefixtures("resources")
@bounded(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    held=strategies.sets(strategies.sampled_from(["user", "profile"]), min_size=1),
    registered=strategies.sets(strategies.sampled_from(["user", "profile", "calendar"]), min_size=1),
    asked=strategies.sets(strategies.sampled_from(["user", "profile", "calendar"])),
    audience=strategies.lists(strategies.sampled_from([API, STOCK]), unique=True),
    targets=strategies.lists(strategies.sampled_from([API, STOCK, "https://other.example/"]), max_size=3),
    seconds=strategies.integers(5, 7200),
    is_delegation=strategies.booleans(),
)
def test_what_is_issued_is_within_the_subject_token(
    service: Service,
    subject: str,
    held: set[str],
    registered: set[str],
    asked: set[str],
    audience: list[str],
    targets: list[str],
    seconds: int,
    is_delegation: bool,
) -> None:
    """For any request, subject token and service, the result is a refusal or a token within these limits."""
    expires_at = int(timezone.now().timestamp()) + seconds
    changes = {"scope": " ".join(sorted(held)), "audience": tuple(audience), "expires_at": expires_at}
    token = resealed(subject, **changes)
    Client.objects.filter(client_id="orders").update(
        scope=" ".join(sorted(registered)), client_credentials_scope="user profile"
    )
    way = service.delegate if is_delegation else service.exchange
    response = way(token, scope=" ".join(asked), resource=targets)
    if response.status_code != 200:
        assert response.json()["error"] in ("invalid_scope", "invalid_target")
        return
    made = payload_of(response.json()["access_token"])
    assert set(made.scope.split()) <= held & registered
    assert set(made.scope.split()) == (asked or held & registered)
    assert set(made.audience) <= set(audience)
    assert bool(made.audience) == bool(audience)
    assert made.expires_at <= expires_at
    assert made.row_id == payload_of(token).row_id
    assert bool(made.act) == is_delegation


# -- the policy --------------------------------------------------------------------------------------------------------


def as_it_is(exchange: Exchange) -> Exchange:
    return exchange


def narrowing(exchange: Exchange) -> Exchange:
    return replace(exchange, scope=("profile",), lifetime=60)


def refusing(exchange: Exchange) -> Exchange:
    raise ExchangeRefused(f"not for {exchange.app_client_id}")


def widening(exchange: Exchange) -> Exchange:
    return replace(exchange, scope=(*exchange.scope, "everything"))


def longer(exchange: Exchange) -> Exchange:
    return replace(exchange, lifetime=exchange.lifetime + 1)


def other_user(exchange: Exchange) -> Exchange:
    return replace(exchange, user_id=0)


def nothing(exchange: Exchange) -> Exchange:
    return replace(exchange, scope=())


def silent(exchange: Exchange) -> Exchange:
    return cast("Exchange", None)


def policy(settings: Settings, function: Callable[..., Any]) -> None:
    settings.OAUTH_SERVICE_EXCHANGE_POLICY = f"{__name__}.{function.__name__}"


def test_a_policy_has_the_last_word(
    service: Service, subject: str, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """The policy allows, narrows or refuses; its reason is only for the log."""
    policy(settings, as_it_is)
    assert set(service.exchange(subject).json()["scope"].split()) == {"user", "profile"}
    policy(settings, narrowing)
    members = service.exchange(subject).json()
    assert (members["scope"], members["expires_in"]) == ("profile", 60)
    policy(settings, refusing)
    response = service.exchange(subject)
    assert refusal_of(response) == (400, "invalid_request")
    assert response.json()["error_description"] == "the exchange was refused"
    assert "the policy refused: not for presc_man_123" in caplog.text
    policy(settings, nothing)
    assert refusal_of(service.exchange(subject)) == (400, "invalid_scope")


@pytest.mark.parametrize("function", [widening, longer, other_user, silent])
def test_a_policy_that_does_more_than_narrow_issues_nothing(
    service: Service, subject: str, settings: Settings, function: Callable[..., Any]
) -> None:
    """The project's policy has a mistake, which the operator must see."""
    policy(settings, function)
    assert refusal_of(service.exchange(subject)) == (500, "server_error")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, ""),
        ({"audience": ()}, "no audience"),
        ({"audience": (API, STOCK)}, "widened"),
        ({"lifetime": 0}, "a lifetime"),
        ({"client_id": "another"}, "more than"),
        ({"act": (sealed.Actor(sub="another"),)}, "more than"),
    ],
)
def test_what_a_policy_may_change(changes: dict[str, Any], fault: str) -> None:
    """A policy may reduce three members. An empty audience would be wider, as such a token is valid anywhere."""
    asked = Exchange(
        client_id="orders",
        subject_client_id="app",
        app_client_id="app",
        user_id=1,
        subject_token_type=token_exchange.ACCESS_TOKEN,
        act=(),
        scope=("profile",),
        audience=(API,),
        lifetime=60,
    )
    found = token_exchange.fault_of_policy(replace(asked, **changes), asked)
    assert fault in found if fault else not found


# -- words for users and the operator ----------------------------------------------------------------------------------


def test_people_are_told_which_services_may_act(guide: Guide, service: Service) -> None:
    """Users see this before they allow the app, and among their connected apps. Services without permission are not listed."""
    service_for(guide.client, "idle", may_delegate=False, may_impersonate=False)
    service_for(guide.client, "off", is_active=False)
    page = guide.ask().content.decode()
    assert "these services may act for you" in page
    assert "The orders service" in page
    guide.tokens()
    connected = guide.person.browser.get("/manage-apps/").content.decode()
    for text in (page, connected):
        assert ("The orders service" in text, "The idle service" in text, "The off service" in text) == (
            True,
            False,
            False,
        )


def test_whoever_connects_a_device_is_told_too(guide: Guide, service: Service, settings: Settings) -> None:
    """The device page says the same as the consent page in the browser."""
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = True
    Client.objects.filter(pk=guide.client.pk).update(grant_types=DEVICE_CODE)
    device = Device(guide.client, credentials={"client_id": guide.client.client_id, "client_secret": SECRET})
    page = Visitor(guide.alice).enter(device.begun()["user_code"]).content.decode()
    assert ("these services may act for you" in page, service.client.name in page) == (True, True)


def test_an_app_without_services_pays_nothing_for_them(guide: Guide) -> None:
    """Such an app causes no statement and no text on the page."""
    with at_most(0):
        assert Client.objects.services_of(guide.client) == []
    assert "may act for you" not in guide.ask().content.decode()


@pytest.mark.django_db(transaction=True)
def test_an_exchange_is_told(guide: Guide, service: Service, subject: str) -> None:
    """The exchange is reported by a signal, in the audit trail and to the user; many identical ones make one row."""
    heard: list[dict[str, Any]] = []

    def listen(**facts: Any) -> None:
        heard.append(facts)

    token_exchanged.connect(listen)
    try:
        for _ in range(20):
            issued(service.exchange(subject, scope="profile"))
    finally:
        token_exchanged.disconnect(listen)
    told = {name: heard[0][name] for name in ("user_id", "client_id", "scope", "grant_type", "app_client_id")}
    assert told == {
        "user_id": guide.alice.pk,
        "client_id": "orders",
        "scope": "profile",
        "grant_type": GRANT_TYPE,
        "app_client_id": guide.client.client_id,
    }
    assert audit.flush()
    rows = AuditEvent.objects.filter(event="token_exchanged")
    assert [(row.client_id, str(row.user_id), row.event_count) for row in rows] == [("orders", str(guide.alice.pk), 20)]
    assert "The orders service got access to act for you" in (
        guide.person.browser.get("/manage-apps/").content.decode()
    )
    assert subject not in str(heard)


def test_the_doctor_tells_of_an_exchange_without_a_policy(service: Service, settings: Settings) -> None:
    """Each client that may exchange is reported while there is no policy; clients without permission are not."""
    told = registration_of(service.client, has_consents=True)
    assert told.exchanges
    service.client.may_delegate = service.client.may_impersonate = False
    assert not registration_of(service.client, has_consents=True).exchanges
    service.client.may_delegate = True
    policy(settings, as_it_is)
    assert not registration_of(service.client, has_consents=True).exchanges


def test_a_list_of_services_is_held_against_what_a_client_id_can_be(guide: Guide) -> None:
    """The list has one client_id per line, and no more than a page can show."""
    guide.client.exchangeable_by = "orders\nstock service:1"
    with pytest.raises(Exception, match="A client ID can have only"):
        guide.client.full_clean()
    guide.client.exchangeable_by = "\n".join(f"service{number}" for number in range(51))
    with pytest.raises(Exception, match="can have 50 client IDs at most"):
        guide.client.full_clean()


def test_a_token_that_nobody_could_read_again_is_not_made(service: Service, subject: str) -> None:
    """The client gets an error instead of a token that would never work."""
    token = subject
    while len(token) < 4020:
        resource = f"https://api{len(token)}.example/"
        Resource.objects.create(identifier=resource, name="API", is_for_all=True)
        token = resealed(token, audience=(*payload_of(token).audience, resource))
    response = service.delegate(token)
    assert refusal_of(response) == (400, "invalid_request")
    assert response.json()["error_description"] == "the new token would be too long"
