"""Checkboxes for scopes on the page that connects a device: the same as for an app in the browser."""

from typing import Any
from urllib.parse import urlencode

import pytest

from oauth_service.models import Client, Consent, DeviceCode
from tests.device.actors import Device, Visitor, hidden_fields
from tests.endpoints.page import Page
from tests.guide import FORM

BOTH = {"user": True, "profile": True}


@pytest.fixture
def strange_tv(tv: Device) -> Device:
    """A device of a client that the operator does not vouch for."""
    Client.objects.update(is_checked=False)
    return tv


def allow(visitor: Visitor, page: Any, *ticked: str) -> Any:
    """Click Allow with these boxes ticked."""
    form = hidden_fields(page) | {"allow": "1", "allow_scope": " ".join(ticked)}
    return visitor.browser.post("/device/", urlencode(form), content_type=FORM)


def test_a_device_gets_what_is_ticked(strange_tv: Device, visitor: Visitor) -> None:
    """The token response names the scope, because the device may have requested more."""
    begun = strange_tv.begun(scope="user profile")
    page = visitor.enter(begun["user_code"])
    assert Page(page).boxes == BOTH
    assert "Name not checked" in Page(page).text
    assert "Your device is connected" in Page(allow(visitor, page, "profile")).text
    assert strange_tv.poll(begun["device_code"]).json()["scope"] == "profile"
    assert Consent.objects.get().scope == "profile"


def test_as_it_is_the_page_allows_all_that_it_shows(strange_tv: Device, visitor: Visitor) -> None:
    """Every box is ticked at first. A form without boxes allows all, too."""
    begun = strange_tv.begun(scope="user profile")
    visitor.allow(begun["user_code"])
    assert strange_tv.poll(begun["device_code"]).json()["scope"] == "user profile"
    begun = strange_tv.begun(scope="user profile")
    visitor.allow(begun["user_code"], scopes_chosen="")
    assert strange_tv.poll(begun["device_code"]).json()["scope"] == "user profile"


def test_with_nothing_ticked_the_page_asks_again(strange_tv: Device, visitor: Visitor) -> None:
    """The device still waits, and the code can be used again."""
    begun = strange_tv.begun(scope="user profile")
    again = allow(visitor, visitor.enter(begun["user_code"]))
    page = Page(again)
    assert "Nothing is ticked, so there is nothing to allow." in page.text
    assert page.boxes == {"user": False, "profile": False}
    assert DeviceCode.objects.get().consent_id is None
    assert "Your device is connected" in Page(allow(visitor, again, "user")).text


def test_a_crafted_form_gets_nothing_that_was_not_shown(strange_tv: Device, visitor: Visitor) -> None:
    """A user's form may claim any scope as shown and ticked. The device gets only what the page showed."""
    begun = strange_tv.begun(scope="profile")
    page = visitor.enter(begun["user_code"])
    form = hidden_fields(page) | {"allow": "1", "scope": "user profile", "allow_scope": "user profile"}
    visitor.browser.post("/device/", urlencode(form), content_type=FORM)
    assert strange_tv.poll(begun["device_code"]).json()["scope"] == "profile"


def test_an_app_of_the_operators_has_no_boxes(tv: Device, visitor: Visitor) -> None:
    """The operator vouches for this app, so its users get no choice of scopes."""
    page = Page(visitor.enter(tv.begun(scope="user profile")["user_code"]))
    assert (page.boxes, "Checked by the operator" in page.text) == ({}, True)
