"""The page on which a user connects a device."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from pytest_django import Settings

from oauth_service.models import Client, Consent, DeviceCode
from tests.actors import FORM
from tests.device.actors import Device, Visitor


def test_who_is_not_signed_in_comes_back_with_the_code(tv: Device, alice: User) -> None:
    """The link of a QR code must work on a telephone without a session."""
    begun = tv.begun()
    nobody = Visitor(None)
    to_login = nobody.open(begun["verification_uri_complete"])
    page = nobody.browser.get(to_login["Location"])
    form = {"username": "alice", "password": "wonderland", "csrfmiddlewaretoken": page.cookies["csrftoken"].value}
    back = nobody.browser.post(to_login["Location"], urlencode(form), content_type=FORM)
    assert back["Location"] == f"/device/?user_code={begun['user_code']}"
    assert begun["user_code"] in nobody.open(back["Location"]).content.decode()


def test_a_login_elsewhere_gets_the_way_back(tv: Device, settings: Settings) -> None:
    """LOGIN_URL may be a project's own page, even on another host."""
    settings.LOGIN_URL = "https://sso.example/login"
    location = urlsplit(Visitor(None).open("/device/?user_code=BBBB-BBBB")["Location"])
    [onward] = parse_qs(location.query)["next"]
    assert (location.netloc, onward) == ("sso.example", "http://testserver/device/?user_code=BBBB-BBBB")


def test_who_signs_out_meanwhile_signs_in_again_with_the_code_kept(tv: Device, visitor: Visitor) -> None:
    """Users should only have to enter the code once."""
    code = tv.begun()["user_code"]
    page = visitor.open()
    token = visitor.browser.cookies["csrftoken"].value
    del visitor.browser.cookies["sessionid"]
    form = urlencode({"user_code": code, "csrfmiddlewaretoken": token})
    response = visitor.browser.post("/device/", form, content_type=FORM)
    assert page.status_code == 200
    assert parse_qs(urlsplit(response["Location"]).query)["next"] == [f"/device/?user_code={code}"]


@pytest.mark.parametrize("has_middleware", [True, False])
@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_another_sites_form_decides_nothing(
    tv: Device, visitor: Visitor, settings: Settings, decision: str, has_middleware: bool
) -> None:
    """
    An attacker who begins with a device knows its code, but not the user's CSRF token.

    The page also checks the token if the project's middleware does not.
    """
    if not has_middleware:
        settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.endswith("CsrfViewMiddleware")]
    begun = tv.begun()
    visitor.enter(begun["user_code"])
    forged = {"user_code": begun["user_code"], decision: "1", "scope": "user profile"}
    response = visitor.browser.post("/device/", urlencode(forged), content_type=FORM)
    assert response.status_code == 403
    assert (tv.error(begun["device_code"]), Consent.objects.count()) == ("authorization_pending", 0)


def test_a_token_of_another_session_decides_nothing(tv: Device, visitor: Visitor) -> None:
    """A page of the attacker's own session must not work in the user's."""
    begun = tv.begun()
    mallory = Visitor(User.objects.create_user("mallory"))
    page = mallory.enter(begun["user_code"])
    assert visitor.send(page, allow="1").status_code == 403
    assert tv.error(begun["device_code"]) == "authorization_pending"


@pytest.mark.parametrize("query", ["allow=1", "deny=1", "allow=1&scope=user"])
def test_a_link_decides_nothing(tv: Device, visitor: Visitor, query: str) -> None:
    """An attacker can send a user any link, so the page must ignore a decision in its query."""
    begun = tv.begun()
    assert visitor.open(f"{begun['verification_uri_complete']}&{query}").status_code == 200
    assert tv.error(begun["device_code"]) == "authorization_pending"


def test_a_form_that_says_both_denies(tv: Device, visitor: Visitor) -> None:
    """An ambiguous form must not connect the device."""
    begun = tv.begun()
    visitor.allow(begun["user_code"], deny="1")
    assert tv.error(begun["device_code"]) == "access_denied"


def test_the_pages_are_protected_as_the_others(tv: Device, visitor: Visitor) -> None:
    """Browsers must not frame or cache a page, send its address elsewhere, or load from or post to another site."""
    code = tv.begun()["user_code"]
    pages = [visitor.open(), visitor.open(f"/device/?user_code={code}"), visitor.enter(code), visitor.allow(code)]
    for page in pages:
        assert page["X-Frame-Options"] == "DENY"
        assert "no-store" in page["Cache-Control"]
        assert page["Referrer-Policy"] == "same-origin"
        policy = page["Content-Security-Policy"]
        assert "form-action 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script" not in policy


@pytest.mark.parametrize("typed", ["<script>alert(1)</script>", "\"'><b>", "\u202eBBBB", "BBBB\nBBBB", "x" * 4000])
def test_what_was_typed_is_shown_as_text(tv: Device, visitor: Visitor, typed: str) -> None:
    """A link may contain anything."""
    page = visitor.open("/device/?" + urlencode({"user_code": typed}))
    assert page.status_code == 200
    assert "<script>alert" not in page.content.decode()
    assert "<b>" not in page.content.decode()
    assert len(page.content) < 20_000


@pytest.mark.parametrize("query", ["user_code=BBBB-BBBB&user_code=CCCC-CCCC", "user_code=%00", "user_code=%FF"])
def test_a_malformed_link_is_an_error_page(tv: Device, visitor: Visitor, query: str) -> None:
    """The server answers such a link with a 400, never with a 500."""
    assert visitor.open(f"/device/?{query}").status_code == 400


def test_a_wrong_code_says_what_to_do(tv: Device, visitor: Visitor) -> None:
    """The field keeps the input, and the message is linked to the field for screen readers."""
    page = visitor.enter("BBBB-BBBB").content.decode()
    assert 'value="BBBB-BBBB"' in page
    assert 'aria-invalid="true"' in page
    assert "No device is waiting with this code" in page


@pytest.mark.parametrize(
    "change",
    [
        lambda: Client.objects.update(is_active=False),
        lambda: Client.objects.update(grant_types="authorization_code"),
        lambda: Client.objects.get().delete(),
    ],
    ids=["deactivated", "may not any more", "deleted"],
)
def test_a_client_that_is_gone_asks_nobody(tv: Device, visitor: Visitor, change: object) -> None:
    """The page answers as for an unknown code."""
    code = tv.begun()["user_code"]
    change()  # type: ignore[operator]
    assert "No device is waiting" in visitor.enter(code).content.decode()


def test_the_page_says_whether_the_device_is_on_the_same_network(tv: Device, visitor: Visitor) -> None:
    """A device on another network may belong to an attacker. The page can only compare addresses."""
    here = tv.begun()
    assert "the same network as you" in visitor.enter(here["user_code"]).content.decode()
    tv.server.defaults["REMOTE_ADDR"] = "203.0.113.7"
    there = tv.begun()
    page = visitor.enter(there["user_code"]).content.decode()
    assert "another network than yours" in page
    assert "203.0.113.7" in page


def test_who_allowed_it_before_sees_what_is_new(tv: Device, visitor: Visitor) -> None:
    """The page marks the scopes that the user has not allowed before, like the consent page."""
    visitor.allow(tv.begun(scope="user")["user_code"])
    page = visitor.enter(tv.begun(scope="user profile")["user_code"]).content.decode()
    assert page.count('class="badge"') == 1


def test_an_account_that_is_deleted_meanwhile_connects_nothing(tv: Device, visitor: Visitor, alice: User) -> None:
    """The server must not fail, and no row may refer to the deleted account."""
    begun = tv.begun()
    page = visitor.enter(begun["user_code"])
    alice.delete()
    assert visitor.send(page, allow="1").status_code == 302
    assert DeviceCode.objects.get().consent_id is None


def test_other_methods_are_refused(tv: Device) -> None:
    """The server answers them with a 405, and Allow has the right methods."""
    assert Browser().put("/device/").status_code == 405
    response = Browser().get("/device-authorization/")
    assert (response.status_code, response["Allow"]) == (405, "POST, OPTIONS")


def test_devices_in_the_admin(tv: Device, alice: User) -> None:
    """The admin lists waiting devices without their codes; deleting one ends it."""
    begun = tv.begun()
    staff = Browser()
    staff.force_login(User.objects.create_superuser("staff"))
    url = "/admin/oauth_service/devicecode/"
    page = staff.get(url).content.decode()
    row = DeviceCode.objects.get()
    assert "Wonder TV" in page
    change = staff.get(f"{url}{row.pk}/change/").content.decode()
    assert [
        word for word in (begun["user_code"], begun["device_code"], row.user_code_digest) if word in page + change
    ] == []
    staff.post(f"{url}{row.pk}/delete/", {"post": "yes"})
    assert tv.error(begun["device_code"]) == "invalid_grant"


def test_the_admin_of_a_server_without_devices_has_no_page_of_them(tv: Device, devices: Settings) -> None:
    """A feature that is off is absent."""
    staff = Browser()
    staff.force_login(User.objects.create_superuser("staff"))
    assert "device_code" in staff.get("/admin/oauth_service/client/add/").content.decode()
    devices.OAUTH_SERVICE_DEVICE_AUTHORIZATION = False
    assert staff.get("/admin/oauth_service/devicecode/").status_code == 403
    assert "devicecode" not in staff.get("/admin/").content.decode()
    assert "device_code" not in staff.get("/admin/oauth_service/client/add/").content.decode()
