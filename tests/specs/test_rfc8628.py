"""RFC 8628: OAuth 2.0 Device Authorization Grant."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import Client, DeviceCode
from oauth_service.protocol.device_code import ALPHABET, GRANT_TYPE
from tests.clauses import clause
from tests.device.actors import Device, Visitor, new_tv_app
from tests.device.conftest import devices, tv, visitor

__all__ = ["devices", "tv", "visitor"]


def in_(seconds: float) -> Any:
    """Travel to the moment that many seconds from now."""
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=False)


@clause("RFC 8628", "3.1")
def test_a_device_begins_with_client_id_and_scope(tv: Device) -> None:
    """ "client_id REQUIRED if the client is not authenticating with the authorization server"; scope is optional."""
    assert tv.begin(scope="user").status_code == 200
    assert DeviceCode.objects.get().scope == "user"


@clause("RFC 8628", "3.1")
def test_a_confidential_client_authenticates_as_at_the_token_endpoint(devices: Settings, presc_man: Client) -> None:
    """ "The client authentication requirements of Section 3.2.1 of [RFC6749] apply to requests on this endpoint"."""
    Client.objects.update(grant_types=GRANT_TYPE)
    right = {"client_id": "presc_man_123", "client_secret": "ITS_A_VERY_SECRET_KEY"}
    assert Device(presc_man, credentials=right).begin().status_code == 200
    for wrong in ({"client_id": "presc_man_123"}, right | {"client_secret": "wrong"}):
        refused = Device(presc_man, credentials=wrong).begin()
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
        assert "WWW-Authenticate" in refused.headers


@clause("RFC 8628", "3.1")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": "user admin"}, "invalid_scope"),
        ({"scope": 'us"er'}, "invalid_scope"),
        ({"client_id": ""}, "invalid_client"),
        ({"client_id": "nobody"}, "invalid_client"),
    ],
)
def test_a_wrong_request_has_the_error_of_rfc_6749(tv: Device, changes: dict[str, str], error: str) -> None:
    """ "If the request fails [...] the authorization server responds with an error as in Section 5.2 of [RFC6749]"."""
    assert tv.begin(**changes).json()["error"] == error
    assert not DeviceCode.objects.exists()


@clause("RFC 8628", "3.1")
def test_a_client_that_is_not_registered_for_it_is_refused(devices: Settings, public_app: Client) -> None:
    """Each client has only the grant types that it was registered for."""
    refused = Device(public_app).begin()
    assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")
    assert not DeviceCode.objects.exists()


@clause("RFC 8628", "3.2")
def test_the_answer_has_its_members_and_is_not_cached(tv: Device) -> None:
    """device_code, user_code, verification_uri, verification_uri_complete, expires_in and interval."""
    response = tv.begin()
    members = response.json()
    assert re.fullmatch(f"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", members["user_code"])
    assert members["device_code"].startswith("DC_")
    assert members["verification_uri"] == "http://localhost:8000/device/"
    assert members["verification_uri_complete"] == f"http://localhost:8000/device/?user_code={members['user_code']}"
    assert (members["expires_in"], members["interval"]) == (600, 5)
    assert "no-store" in response["Cache-Control"]


@clause("RFC 8628", "3.3")
def test_the_code_is_entered_and_the_request_allowed(tv: Device, visitor: Visitor) -> None:
    """ "The end user [...] enters the user code [...] and indicates approval"."""
    begun = tv.begun()
    assert "Wonder TV" in visitor.enter(begun["user_code"]).content.decode()
    assert visitor.allow(begun["user_code"]).status_code == 200
    assert tv.userinfo(tv.poll(begun["device_code"]).json()["access_token"]).json()["username"] == "alice"


@clause("RFC 8628", "3.3")
def test_the_page_asks_whether_the_device_is_in_front_of_the_person(tv: Device, visitor: Visitor) -> None:
    """ "the authorization server SHOULD display information about the device so that the user [...] can notice"."""
    begun = tv.begun()
    page = visitor.enter(begun["user_code"]).content.decode()
    for words in ("Wonder TV", "Wonderland Media", begun["user_code"], "127.0.0.1", "Did you start this yourself"):
        assert words in page


@clause("RFC 8628", "3.3.1")
def test_a_link_with_the_code_asks_to_compare_it(tv: Device, visitor: Visitor) -> None:
    """ "it is still RECOMMENDED that the authorization server confirms [...] by displaying the code"; nothing is decided."""
    begun = tv.begun()
    page = visitor.open(begun["verification_uri_complete"])
    assert begun["user_code"] in page.content.decode()
    assert "Wonder TV" not in page.content.decode()
    assert tv.error(begun["device_code"]) == "authorization_pending"
    assert "Wonder TV" in visitor.send(page).content.decode()


@clause("RFC 8628", "3.4")
def test_the_poll_names_grant_type_and_device_code(tv: Device) -> None:
    """ "grant_type REQUIRED. [...] device_code REQUIRED. [...] client_id REQUIRED if the client is not authenticating"."""
    device_code = tv.begun()["device_code"]
    assert tv.error(device_code) == "authorization_pending"
    assert tv.error("") == "invalid_request"
    assert tv.error(device_code, client_id="") == "invalid_client"


@clause("RFC 8628", "3.4")
def test_the_device_code_is_bound_to_its_client(tv: Device, visitor: Visitor) -> None:
    """Another client that obtained it gets nothing, and does not use the code up."""
    begun = tv.begun()
    visitor.allow(begun["user_code"])
    assert Device(new_tv_app(client_id="another")).error(begun["device_code"]) == "invalid_grant"
    assert tv.poll(begun["device_code"]).status_code == 200


@clause("RFC 8628", "3.5")
def test_a_poll_before_the_decision_is_pending(tv: Device) -> None:
    """authorization_pending: "The authorization request is still pending"."""
    response = tv.poll(tv.begun()["device_code"])
    assert (response.status_code, response.json()["error"]) == (400, "authorization_pending")
    assert "no-store" in response["Cache-Control"]


@clause("RFC 8628", "3.5")
def test_a_poll_that_is_too_early_slows_down_by_five_seconds(tv: Device) -> None:
    """ "the interval MUST be increased by 5 seconds for this and all subsequent requests"."""
    device_code = tv.begun()["device_code"]
    with in_(0):
        assert tv.error(device_code) == "authorization_pending"
    with in_(2):
        assert tv.error(device_code) == "slow_down"
    with in_(8):
        assert tv.error(device_code) == "slow_down"  # ten seconds now, and then fifteen
    with in_(24):
        assert tv.error(device_code) == "authorization_pending"
    assert DeviceCode.objects.get().interval == 15


@clause("RFC 8628", "3.5")
def test_a_device_that_keeps_the_interval_is_never_slowed_down(tv: Device) -> None:
    """The device's clock and the network may be slightly off."""
    device_code = tv.begun()["device_code"]
    for number in range(10):
        with in_(number * 5 - (0.8 if number % 2 else 0)):
            assert tv.error(device_code) == "authorization_pending"


@clause("RFC 8628", "3.5")
def test_a_denial_is_access_denied(tv: Device, visitor: Visitor) -> None:
    """access_denied: "The authorization request was denied". It stays denied, even after the code has expired."""
    begun = tv.begun()
    visitor.deny(begun["user_code"])
    assert [tv.error(begun["device_code"]) for _ in range(2)] == ["access_denied"] * 2
    with in_(601):
        assert tv.error(begun["device_code"]) == "access_denied"


@clause("RFC 8628", "3.5")
def test_a_device_code_whose_time_has_passed_is_an_expired_token(tv: Device, visitor: Visitor) -> None:
    """expired_token: "The device_code has expired, and the device authorization session has concluded"."""
    pending, approved = tv.begun(), tv.begun()
    visitor.allow(approved["user_code"])
    with in_(601):
        assert tv.error(pending["device_code"]) == "expired_token"
        assert tv.error(approved["device_code"]) == "expired_token"


@clause("RFC 8628", "5.1")
def test_guessed_user_codes_are_limited(tv: Device, visitor: Visitor) -> None:
    """ "The server SHOULD rate limit user code attempts"."""
    answers = [visitor.enter(f"BBBB-BBB{letter}").status_code for letter in ALPHABET[:11]]
    assert answers == [200] * 10 + [429]
    assert visitor.enter(tv.begun()["user_code"]).status_code == 429


@clause("RFC 8628", "5.2")
def test_a_device_code_cannot_be_guessed(tv: Device) -> None:
    """
    "device codes [...] SHOULD use a very high entropy code": the MAC has 256 bits, from the server's key and the row's
    secret.
    """
    device_code = tv.begun()["device_code"]
    forged = device_code[:-4] + ("AAAA" if not device_code.endswith("AAAA") else "BBBA")
    assert tv.error(forged) == "invalid_grant"
    assert tv.error(device_code) == "authorization_pending"


@clause("RFC 8628", "5.4")
def test_the_person_is_warned_of_codes_that_came_by_message(tv: Device, visitor: Visitor) -> None:
    """ "the authorization server could [...] inform the user that they are authorizing a device" (remote phishing)."""
    begun = tv.begun()
    assert "Did somebody send or tell you this code?" in visitor.open().content.decode()
    assert (
        "Did somebody send or tell you this code?" in visitor.open(begun["verification_uri_complete"]).content.decode()
    )
    assert "by message, e-mail or telephone" in visitor.enter(begun["user_code"]).content.decode()


@clause("RFC 8628", "5.4")
def test_a_remembered_consent_allows_no_device(tv: Device, visitor: Visitor) -> None:
    """A user who has allowed the app before is asked again: the waiting device may be somebody else's."""
    visitor.allow(tv.begun()["user_code"])
    begun = tv.begun()
    visitor.enter(begun["user_code"])
    visitor.open(begun["verification_uri_complete"])
    assert tv.error(begun["device_code"]) == "authorization_pending"


@clause("RFC 8628", "6.1")
@pytest.mark.parametrize(
    "typed",
    ["{code}", "{low}", "{bare}", " {spaced} ", "{low_bare}", "{dots}", "{wide}"],
)
def test_a_code_is_read_however_it_is_typed(tv: Device, visitor: Visitor, typed: str) -> None:
    """ "case-insensitive"; "servers should ignore any characters that are not in the user code character set"."""
    code = tv.begun()["user_code"]
    forms = {
        "code": code,
        "low": code.lower(),
        "bare": code.replace("-", ""),
        "low_bare": code.replace("-", "").lower(),
        "spaced": " ".join(code.replace("-", "")),
        "dots": code.replace("-", "."),
        "wide": "".join(chr(ord(each) + 0xFEE0) if each.isalpha() else each for each in code),
    }
    assert "Wonder TV" in visitor.enter(typed.format(**forms)).content.decode()


@clause("RFC 8628", "4")
def test_the_metadata_names_the_endpoint(tv: Device) -> None:
    """device_authorization_endpoint is there, and the grant type is in grant_types_supported."""
    metadata = tv.server.get("/.well-known/oauth-authorization-server").json()
    assert metadata["device_authorization_endpoint"] == "http://localhost:8000/device-authorization/"
    assert GRANT_TYPE in metadata["grant_types_supported"]


@clause("RFC 8628", "5.3")
def test_a_secret_in_the_url_is_refused(tv: Device) -> None:
    """A device code must not be in a URL, where logs keep it."""
    device_code = tv.begun()["device_code"]
    response = tv.server.post(f"/token/?device_code={device_code}")
    assert response.json()["error_description"] == "device_code must be sent in the body, never in the URL"


@clause("RFC 8628", "3.4")
def test_a_removed_user_client_or_consent_gets_no_tokens(tv: Device, visitor: Visitor, alice: User) -> None:
    """User, client and consent are checked again when the code is redeemed."""
    begun = tv.begun()
    visitor.allow(begun["user_code"])
    User.objects.update(is_active=False)
    assert tv.error(begun["device_code"]) == "invalid_grant"
    User.objects.update(is_active=True)
    assert tv.poll(begun["device_code"]).status_code == 200
