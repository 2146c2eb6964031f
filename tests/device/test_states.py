"""Responses to a device in each state, and changes that a poll may make."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import Client, Consent, DeviceCode, Grant
from oauth_service.protocol.device_code import GRANT_TYPE
from tests.device.actors import Device, Visitor, new_tv_app


def test_a_replay_ends_what_the_code_made(tv: Device, visitor: Visitor) -> None:
    """Two parties hold the device code, and neither can be trusted."""
    begun = tv.begun()
    visitor.allow(begun["user_code"])
    tokens = tv.poll(begun["device_code"]).json()
    replay = tv.poll(begun["device_code"])
    assert replay.json()["error_description"] == "the device code was already used"
    assert tv.userinfo(tokens["access_token"]).status_code == 401
    assert tv.refresh(tokens["refresh_token"]).status_code == 400


def test_another_client_ends_nothing(tv: Device, visitor: Visitor) -> None:
    """Possession before punishment: a stolen device code must not disconnect its owner."""
    begun = tv.begun()
    visitor.allow(begun["user_code"])
    tokens = tv.poll(begun["device_code"]).json()
    stranger = Device(new_tv_app(client_id="stranger"))
    assert stranger.error(begun["device_code"]) == "invalid_grant"
    assert tv.userinfo(tokens["access_token"]).status_code == 200


def test_a_code_of_another_kind_is_none(tv: Device, visitor: Visitor) -> None:
    """The kind of a token is part of its key."""
    begun = tv.begun()
    visitor.allow(begun["user_code"])
    tokens = tv.poll(begun["device_code"]).json()
    for other in (
        tokens["access_token"],
        tokens["refresh_token"],
        begun["user_code"],
        "DC_" + begun["device_code"][3:][::-1],
    ):
        assert tv.error(other) == "invalid_grant"
    as_code = tv.post("/token/", grant_type="authorization_code", code=begun["device_code"].replace("DC_", "SPL__"))
    assert as_code.json()["error"] in ("invalid_grant", "unauthorized_client")
    assert tv.userinfo(tokens["access_token"]).status_code == 200


@pytest.mark.parametrize(
    "end",
    [
        lambda: User.objects.update(is_active=False),
        lambda: User.objects.get().delete(),
        lambda: Consent.objects.withdraw(Consent.objects.get()),
        lambda: Client.objects.update(is_active=False),
        lambda: Client.objects.get().delete(),
        lambda: Client.objects.update(scope="calendar"),
        lambda: DeviceCode.objects.all().delete(),
    ],
    ids=[
        "user disabled",
        "user deleted",
        "withdrawn",
        "client disabled",
        "client deleted",
        "scope taken",
        "ended by staff",
    ],
)
def test_what_was_allowed_and_has_ended_gives_no_tokens(tv: Device, visitor: Visitor, end: Any) -> None:
    """The user, the client or the consent may end between the user's decision and the next poll."""
    begun = tv.begun()
    visitor.allow(begun["user_code"])
    end()
    assert tv.error(begun["device_code"]) in ("invalid_grant", "invalid_client")
    assert not Grant.objects.exists()


def test_after_a_denial_nobody_can_allow_it(tv: Device, visitor: Visitor) -> None:
    """A denial is final, even for another user who knows the code."""
    begun = tv.begun()
    page = visitor.enter(begun["user_code"])
    assert "not connected" in visitor.deny(begun["user_code"]).content.decode()
    assert "No device is waiting" in visitor.send(page, allow="1").content.decode()
    assert (tv.error(begun["device_code"]), Consent.objects.count()) == ("access_denied", 0)


def test_after_an_allowance_nobody_can_deny_it(tv: Device, visitor: Visitor) -> None:
    """The device may have its tokens already. The user can end the connection under Manage Connected Apps."""
    begun = tv.begun()
    page = visitor.enter(begun["user_code"])
    visitor.allow(begun["user_code"])
    visitor.send(page, deny="1")
    assert tv.poll(begun["device_code"]).status_code == 200


def test_nothing_is_allowed_once_it_has_expired(tv: Device, visitor: Visitor) -> None:
    """A page may stay open for hours."""
    begun = tv.begun()
    page = visitor.enter(begun["user_code"])
    with time_machine.travel(timezone.now() + timedelta(seconds=601), tick=False):
        assert "No device is waiting" in visitor.send(page, allow="1").content.decode()
        assert tv.error(begun["device_code"]) == "expired_token"
    assert not Consent.objects.exists()


def test_the_scope_that_is_given_is_the_one_that_was_shown(tv: Device, visitor: Visitor) -> None:
    """The device never gets more than the user read, even if the form names more or the client's scope changes."""
    begun = tv.begun(scope="user profile")
    Client.objects.update(scope="user")
    page = visitor.enter(begun["user_code"])
    Client.objects.update(scope="user profile")
    visitor.send(page, allow="1")
    assert tv.poll(begun["device_code"]).json()["scope"] == "user"
    begun = tv.begun(scope="user")
    visitor.allow(begun["user_code"], scope="user profile")
    assert tv.poll(begun["device_code"]).json()["scope"] == "user"


def test_the_connection_is_one_as_any_other(tv: Device, visitor: Visitor) -> None:
    """The user sees the connection, the device can refresh it, and the user can revoke it."""
    begun = tv.begun()
    visitor.allow(begun["user_code"])
    tokens = tv.poll(begun["device_code"]).json()
    refreshed = tv.refresh(tokens["refresh_token"]).json()
    page = visitor.open("/manage-apps/").content.decode()
    assert "Wonder TV" in page
    Consent.objects.withdraw(Consent.objects.get())
    assert tv.userinfo(refreshed["access_token"]).status_code == 401


def test_a_client_without_refresh_tokens_gets_none(devices: Settings, visitor: Visitor) -> None:
    """The client is registered for the device grant only."""
    tv = Device(new_tv_app(grant_types=GRANT_TYPE))
    begun = tv.begun()
    visitor.allow(begun["user_code"])
    assert "refresh_token" not in tv.poll(begun["device_code"]).json()


def test_a_server_without_devices_has_none_of_it(tv: Device, visitor: Visitor, devices: Settings) -> None:
    """A feature that is off is absent: endpoint, page, grant type, metadata, description, admin form."""
    begun = tv.begun()
    visitor.allow(begun["user_code"])
    devices.OAUTH_SERVICE_DEVICE_AUTHORIZATION = False
    assert tv.begin().status_code == 404
    assert [visitor.open(url).status_code for url in ("/device/", "/device")] == [404, 404]
    assert tv.error(begun["device_code"]) == "unsupported_grant_type"
    metadata = tv.server.get("/.well-known/oauth-authorization-server").json()
    assert "device_authorization_endpoint" not in metadata
    assert GRANT_TYPE not in metadata["grant_types_supported"]
    described = tv.server.get("/openapi.json").content.decode()
    assert [word for word in ("/device", "device_code") if word in described] == []


def test_both_urls_answer(tv: Device, visitor: Visitor) -> None:
    """The URL works with and without the trailing slash."""
    assert tv.post("/device-authorization").status_code == 200
    assert visitor.open("/device").status_code == 200
    assert reverse("oauth_service:device") == "/device/"
