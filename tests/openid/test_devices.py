"""OpenID Connect on a device (RFC 8628): the ID token describes the user's sign-in in their browser."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import Client, Resource, SignInClient
from oauth_service.people.authentication import SESSION_KEY
from oauth_service.protocol.device_code import GRANT_TYPE
from tests.clauses import clause
from tests.device.actors import Device, Visitor
from tests.openid.conftest import RelyingParty


@pytest.fixture
def device(rp: RelyingParty, provider: Settings) -> Device:
    """A device of the relying party."""
    provider.OAUTH_SERVICE_DEVICE_AUTHORIZATION = True
    Client.objects.update(grant_types=f"{GRANT_TYPE} refresh_token")
    return Device(rp.client, rp.server, rp.credentials)


@pytest.fixture
def person(rp: RelyingParty) -> Visitor:
    """The user, signed in by the login page."""
    rp.sign_in()
    return Visitor(None, rp.browser)


def connect(device: Device, person: Visitor, scope: str) -> Any:
    begun = device.begun(scope=scope)
    person.allow(begun["user_code"])
    return device.poll(begun["device_code"]).json()


def test_the_id_token_tells_of_the_sign_in_that_allowed_it(rp: RelyingParty, device: Device, person: Visitor) -> None:
    """auth_time, amr and sid are those of the browser's session. There is no nonce, because the device sends none."""
    tokens = connect(device, person, "openid profile")
    claims, event = rp.claims(tokens["id_token"]), rp.browser.session[SESSION_KEY]
    assert (claims["aud"], claims["auth_time"], claims["amr"], claims["sid"]) == (
        "rp",
        event["auth_time"],
        ["pwd"],
        event["sid"],
    )
    assert "nonce" not in claims
    assert rp.userinfo(tokens["access_token"]).json()["sub"] == claims["sub"]


def test_without_openid_there_is_no_id_token(device: Device, person: Visitor) -> None:
    """A device that names no scope gets none either."""
    assert "id_token" not in connect(device, person, "profile")
    assert "id_token" not in connect(device, person, "")


@clause("RFC 9068", "2.2")
def test_a_device_gets_a_jwt_for_an_api_whose_tokens_are_jwts(
    rp: RelyingParty, device: Device, person: Visitor
) -> None:
    """
    The JWT describes the sign-in that allowed the device, at the exchange and at each refresh, as for apps in the
    browser.
    """
    api = "https://api.example/pills"
    Resource.objects.create(identifier=api, name="Pills", token_format="jwt", is_for_all=True)
    begun = device.begun(scope="openid profile", resource=api)
    person.allow(begun["user_code"])
    tokens = device.poll(begun["device_code"]).json()
    again = device.refresh(tokens["refresh_token"]).json()
    for token in (tokens["access_token"], again["access_token"]):
        claims = rp.claims(token, typ="at+jwt")
        assert (claims["aud"], claims["client_id"], claims["sub"]) == (api, "rp", str(rp.user.pk))
        assert claims["auth_time"] == rp.browser.session[SESSION_KEY]["auth_time"]


def test_a_sign_out_ends_what_was_not_given_offline_access(rp: RelyingParty, device: Device, person: Visitor) -> None:
    """A television that should stay connected asks for offline_access."""
    online, offline = connect(device, person, "openid"), connect(device, person, "openid offline_access")
    rp.browser.post("/logout/")
    assert device.refresh(online["refresh_token"]).status_code == 400
    assert device.refresh(offline["refresh_token"]).status_code == 200


def test_a_client_that_hears_of_sign_outs_hears_of_this_one(device: Device, person: Visitor) -> None:
    """The client has learned who signed in, so it must also learn of the sign-out."""
    Client.objects.update(backchannel_logout_uri="https://rp.example/logout")
    connect(device, person, "openid")
    assert SignInClient.objects.count() == 1


def test_a_client_with_a_default_max_age_has_people_sign_in_anew(device: Device, person: Visitor) -> None:
    """After the new sign-in the user is back on the page, with the code."""
    Client.objects.update(default_max_age=60)
    begun = device.begun(scope="openid")
    with time_machine.travel(timezone.now() + timedelta(seconds=90), tick=False):
        response = person.enter(begun["user_code"])
    query = parse_qs(urlsplit(response["Location"]).query)
    code = begun["user_code"].replace("-", "")
    assert query == {"reauthenticate": ["1"], "next": [f"/device/?user_code={code}"]}
    assert connect(device, person, "openid")["id_token"]


def test_the_metadata_of_the_provider_names_the_endpoint(device: Device) -> None:
    """Clients of OpenID Connect read their own discovery document."""
    metadata = device.server.get("/.well-known/openid-configuration").json()
    assert metadata["device_authorization_endpoint"] == "https://id.example/device-authorization/"
