"""Sign-out messages in the admin."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import Client, Delivery

LIST = "/admin/oauth_service/delivery/"


@pytest.fixture(autouse=True)
def openid(settings: Settings) -> Settings:
    """A server that is an OpenID Provider."""
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are"}
    return settings


@pytest.fixture
def failing(presc_man: Client) -> Delivery:
    """A message that its client has refused twice."""
    return delivery(presc_man, attempts=2, last_error="it answered 503")


def delivery(client: Client, *, attempts: int = 0, last_error: str = "", is_given_up: bool = False) -> Delivery:
    """A waiting message."""
    now = timezone.now()
    return Delivery.objects.create(
        client=client,
        sign_in_id=uuid.uuid4(),
        sub="the subject of Alice",
        created_at=now,
        attempts=attempts,
        last_error=last_error,
        next_at=None if is_given_up else now,
        purge_at=now + timedelta(days=7),
    )


def test_the_list_says_who_has_not_taken_what_and_why(staff: Browser, failing: Delivery) -> None:
    """The list shows the client, the number of attempts and the client's response, but not the user."""
    pages = [staff.get(url).content.decode() for url in (LIST, f"{LIST}{failing.pk}/change/")]
    words = (str(failing.client), "it answered 503", ">2<")
    assert [word for page in pages for word in words if word not in page] == []
    assert [page for page in pages if failing.sub in page] == []


def test_what_somebody_has_to_look_after_comes_first(staff: Browser, failing: Delivery) -> None:
    """
    Abandoned messages come first, then failing ones, and each kind has a filter. A message on its way belongs to
    neither.
    """
    on_its_way = delivery(failing.client)
    given_up = delivery(failing.client, attempts=11, is_given_up=True)
    assert list(staff.get(LIST).context["cl"].result_list) == [given_up, failing, on_its_way]
    assert list(staff.get(LIST, {"attempts": "2"}).context["cl"].result_list) == [failing]


def test_nobody_writes_messages_here(staff: Browser, onlooker: Browser, failing: Delivery) -> None:
    """The server alone writes messages. Staff with the permission can delete them."""
    urls = [f"{LIST}add/", f"{LIST}{failing.pk}/delete/"]
    assert [browser.get(url).status_code for browser in (staff, onlooker) for url in urls] == [403, 200, 403, 403]
    assert staff.post(f"{LIST}{failing.pk}/change/", {"attempts": "0"}).status_code == 403


def test_without_openid_connect_there_is_no_page(staff: Browser, failing: Delivery, settings: Settings) -> None:
    """A feature that is off is absent."""
    settings.OAUTH_SERVICE_SCOPES = {"user": "Your name"}
    assert "delivery" not in staff.get("/admin/").content.decode()
    urls = [LIST, f"{LIST}{failing.pk}/change/", f"{LIST}{failing.pk}/delete/"]
    assert [staff.get(url).status_code for url in urls] == [403, 403, 403]
