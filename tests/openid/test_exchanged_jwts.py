"""
Exchanged tokens that are JWTs: they name the actor, and on this server they end with the token that they come from.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.http import JsonResponse
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import Client, Consent, Grant, Resource
from oauth_service.protect import ProtectedRequest, protect
from oauth_service.protocol import sealed
from oauth_service.protocol.token_exchange import ACCESS_TOKEN, MOST_ACTORS, Exchange
from oauth_service.tokens import keys
from tests.actors import FORM
from tests.clauses import clause
from tests.database import connection
from tests.exchanges import Service, service_for
from tests.openid.conftest import RelyingParty, answer_of

API = "https://api.example/pills"
OTHER = "https://api.example/other"

pytestmark = pytest.mark.urls("tests.openid.test_exchanged_jwts")


@protect("profile", resource=API)
def guarded(request: ProtectedRequest) -> JsonResponse:
    """A view of the API, guarded by this server."""
    bearer = request.bearer
    actors = [each.client_id for each in bearer.act]
    return JsonResponse({"client": bearer.client_id, "app": bearer.app_client_id, "actors": actors})


urlpatterns = [path("pills/", guarded), path("", include("oauth_service.urls"))]


@pytest.fixture
def api(rp: RelyingParty, settings: Settings) -> Resource:
    """An API whose tokens are JWTs, and another one whose tokens are opaque."""
    settings.OAUTH_SERVICE_INTROSPECTION = True
    Resource.objects.create(identifier=OTHER, name="Other", is_for_all=True)
    return Resource.objects.create(identifier=API, name="Pills", token_format="jwt", is_for_all=True)


@pytest.fixture
def service(rp: RelyingParty, api: Resource) -> Service:
    """A service that may impersonate and delegate for the users of the relying party."""
    return service_for(rp.client, introspection_resources=API)


@pytest.fixture
def subject(rp: RelyingParty, api: Resource) -> str:
    """A token of the user for the API."""
    return str(rp.tokens(scope="openid profile", resource=API)["access_token"])


def call(rp: RelyingParty, token: str) -> Any:
    """Send a token to the API."""
    return rp.server.get("/pills/", headers={"Authorization": f"Bearer {token}"})


def introspected(service: Service, token: str) -> dict[str, Any]:
    """Return what introspection tells the service about a token."""
    body = {"token": token, **service.credentials}
    members: dict[str, Any] = service.server.post("/introspect/", body, content_type="application/json").json()
    return members


@clause("RFC 8693", "4.1")
def test_a_stranger_reads_who_acts(rp: RelyingParty, service: Service, subject: str) -> None:
    """ "The act (actor) claim provides a means within a JWT to express that delegation has occurred"."""
    response = service.delegate(subject).json()
    claims = rp.claims(response["access_token"], typ="at+jwt", alg="RS256")
    iat, exp, jti = claims.pop("iat"), claims.pop("exp"), claims.pop("jti")
    assert claims == {
        "iss": "https://id.example",
        "sub": str(rp.user.pk),
        "aud": API,
        "client_id": "orders",
        "scope": "profile",
        "act": {"sub": "orders", "client_id": "orders"},
    }
    assert (exp - iat, response["issued_token_type"]) == (response["expires_in"], ACCESS_TOKEN)
    assert jti.startswith(sealed.JwtId.prefix)


@clause("RFC 8693", "1.1")
def test_by_impersonation_there_is_no_act(rp: RelyingParty, service: Service, subject: str) -> None:
    """An API can see an impersonation only by the client_id."""
    claims = rp.claims(service.exchange(subject).json()["access_token"])
    assert ("act" in claims, claims["client_id"], claims["sub"]) == (False, "orders", str(rp.user.pk))


@clause("RFC 8693", "4.1")
def test_here_it_says_the_same(rp: RelyingParty, service: Service, subject: str) -> None:
    """Our guard and introspection must agree, as for an opaque token."""
    token = service.delegate(subject).json()["access_token"]
    assert call(rp, token).json() == {"client": "orders", "app": "rp", "actors": ["orders"]}
    members, claims = introspected(service, token), rp.claims(token)
    assert {name: members[name] for name in claims} == claims
    assert members["active"]


@clause("RFC 8693", "4.1")
def test_a_chain_stands_in_it_the_current_actor_first(rp: RelyingParty, service: Service, subject: str) -> None:
    """ "a chain of delegation can be expressed by nesting one act claim within another"; as long as it may be."""
    token, last = subject, service
    for number in range(MOST_ACTORS):
        token = last.delegate(token).json()["access_token"]
        if number < MOST_ACTORS - 1:
            last = service_for(last.client, f"service{number}")
    chain, claim = [], rp.claims(token)["act"]
    while claim:
        chain.append(claim["client_id"])
        claim = claim.get("act")
    assert chain == ["service2", "service1", "service0", "orders"]
    assert call(rp, token).json()["actors"] == chain


def test_the_life_only_shortens(rp: RelyingParty, service: Service, subject: str) -> None:
    """A minute before the subject token expires, the new token has a minute left."""
    end = rp.claims(subject)["exp"]
    with time_machine.travel(end - 60, tick=False):
        token = service.exchange(subject).json()["access_token"]
        assert rp.claims(token)["exp"] == end


ENDS: dict[str, Callable[[RelyingParty, Service, str], object]] = {
    "the subject token is revoked": lambda rp, _service, subject: rp.server.post(
        "/oauth/revoke/", {"token": subject, **rp.credentials}, content_type="application/json"
    ),
    "the connection ends": lambda _rp, _service, _subject: Grant.objects.all().delete(),
    "the app is deauthorised": lambda _rp, _service, _subject: Consent.objects.all().delete(),
    "the person signs out": lambda rp, _service, _subject: rp.browser.post("/logout/"),
    "the app is switched off": lambda _rp, _service, _subject: Client.objects.filter(client_id="rp").update(
        is_active=False
    ),
    "the app names the service no more": lambda _rp, _service, _subject: Client.objects.update(exchangeable_by=""),
    "the service may do so no more": lambda _rp, _service, _subject: Client.objects.update(
        may_delegate=False, may_impersonate=False
    ),
    "the service is gone": lambda _rp, service, _subject: service.client.delete(),
}


@pytest.mark.parametrize("way", ["exchange", "delegate"])
@pytest.mark.parametrize("name", ENDS)
def test_an_exchanged_jwt_is_refused_once_its_origin_has_ended(
    rp: RelyingParty, service: Service, subject: str, name: str, way: str
) -> None:
    """Our guard and introspection must refuse the token at once."""
    token = getattr(service, way)(subject).json()["access_token"]
    api = service_for(rp.client, "api", introspection_resources=API)
    assert (call(rp, token).status_code, introspected(api, token)["active"]) == (200, True)
    ENDS[name](rp, service, subject)
    assert (call(rp, token).status_code, introspected(api, token)) == (401, {"active": False})


def test_the_service_revokes_it_and_nobody_else(rp: RelyingParty, service: Service, subject: str) -> None:
    """The token belongs to the service, not to the app."""
    token = service.delegate(subject).json()["access_token"]
    rp.server.post("/oauth/revoke/", {"token": token, **rp.credentials}, content_type="application/json")
    assert call(rp, token).status_code == 200
    service.revoke(token)
    assert call(rp, token).status_code == 401
    assert call(rp, subject).status_code == 200


def test_a_token_of_a_token_dies_with_each_before_it(rp: RelyingParty, service: Service, subject: str) -> None:
    """The chain ends whatever the formats of its tokens are."""
    second = service_for(service.client, "stock")
    first = service.delegate(subject).json()["access_token"]
    token = second.delegate(first).json()["access_token"]
    assert call(rp, token).status_code == 200
    service.revoke(first)
    assert call(rp, token).status_code == 401


def test_only_one_api_makes_a_jwt(rp: RelyingParty, service: Service) -> None:
    """An API could not trust a JWT that another API can use as well, and an API with opaque tokens asks this server."""
    code = code_for_both(rp)
    subject = rp.exchange(code).json()["access_token"]
    answers = {
        resource: service.delegate(subject, resource=list(resource)).json()["access_token"][:3]
        for resource in ((API,), (OTHER,), (API, OTHER))
    }
    assert answers == {(API,): "eyJ", (OTHER,): "AT_", (API, OTHER): "AT_"}


def code_for_both(rp: RelyingParty) -> str:
    """Return a code of the user for both APIs."""
    rp.connect(scope="openid profile")
    query = urlencode([*rp.request(scope="openid profile").items(), ("resource", API), ("resource", OTHER)])
    page = rp.browser.get(f"/authorise/?{query}")
    body = urlencode(page.context["parameters"])
    return answer_of(rp.browser.post("/authorise/", body, content_type=FORM))["code"]


def shorter(exchange: Exchange) -> Exchange:
    """Return a stricter exchange, as a project's policy may."""
    return replace(exchange, lifetime=5, audience=(API,))


def test_the_policy_decides_before_the_format(rp: RelyingParty, service: Service, settings: Settings) -> None:
    """The server makes the token from what the project's policy leaves."""
    settings.OAUTH_SERVICE_EXCHANGE_POLICY = "tests.openid.test_exchanged_jwts.shorter"
    subject = rp.exchange(code_for_both(rp)).json()["access_token"]
    claims = rp.claims(service.delegate(subject).json()["access_token"])
    assert (claims["aud"], claims["exp"] - claims["iat"]) == (API, 5)


def test_a_pairwise_service_sees_its_own_sub(
    rp: RelyingParty, service: Service, subject: str, settings: Settings
) -> None:
    """Two services must not be able to compare their users, whatever they use."""
    settings.OAUTH_SERVICE_PAIRWISE_KEY = "a pairwise key of thirty-two characters"
    uri = "https://orders.example/sector.json"
    Client.objects.filter(client_id="orders").update(subject_type="pairwise", sector_identifier_uri=uri)
    token = service.delegate(subject).json()["access_token"]
    assert rp.claims(token)["sub"] == introspected(service, token)["sub"] != str(rp.user.pk)


@pytest.mark.parametrize(
    "act",
    [
        None,
        "orders",
        [],
        {"sub": 1},
        {"client_id": "rp", "extra": "x"},
        {"act": {"act": {"act": {"act": {"act": {}}}}}},
    ],
    ids=str,
)
def test_another_act_under_our_signature_is_no_chain(
    rp: RelyingParty, service: Service, subject: str, act: Any
) -> None:
    """
    Only chains that this server writes are accepted. Without any act the token impersonates, which is not allowed here.
    """
    Client.objects.filter(client_id="orders").update(may_impersonate=False)
    token = service.delegate(subject).json()["access_token"]
    encoded = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    claims.pop("act")
    changed = claims if act is None else claims | {"act": act}
    signed = keys.sign(changed, algorithm="RS256", typ="at+jwt", now=timezone.now())
    assert call(rp, token).status_code == 200
    assert call(rp, signed).status_code == 401


def test_the_key_that_signed_is_published_until_it_expires(rp: RelyingParty, service: Service, subject: str) -> None:
    """The key set must have the key as long as an API may verify such a token."""
    token = service.delegate(subject).json()["access_token"]
    keys.rotate("RS256", now=timezone.now())
    end = rp.claims(token)["exp"]
    with time_machine.travel(end - 1, tick=False):
        assert rp.claims(token)["client_id"] == "orders"


def test_an_exchange_writes_nothing(rp: RelyingParty, service: Service, subject: str) -> None:
    """A JWT has no row either."""
    actor = service.own_token()
    with CaptureQueriesContext(connection) as statements:
        assert service.delegate(subject, actor).status_code == 200
    assert {query["sql"].split()[0] for query in statements.captured_queries} == {"SELECT"}
