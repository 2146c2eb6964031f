"""Limits on guesses at user codes, and on devices that begin."""

import time
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from oauth_service.authorization import device as authorization
from oauth_service.guard import failure_counts, throttle
from oauth_service.models import AuditEvent, Client, DeviceCode
from oauth_service.models.device_code import DeviceCodeManager
from oauth_service.protocol.device_code import ALPHABET, GRANT_TYPE
from oauth_service.protocol.errors import TooManyFailures
from oauth_service.watch import audit
from tests.actors import FORM
from tests.concurrency.threads import together
from tests.device.actors import Device, Visitor


def guess(number: int) -> str:
    """A user code that no device has."""
    return "ZZZZ-ZZ" + ALPHABET[number // 20 % 20] + ALPHABET[number % 20]


@pytest.fixture
def no_luck(devices: Settings) -> None:
    """A limit that two guesses reach."""
    devices.OAUTH_SERVICE_FAILURE_LIMIT = 2


def test_a_throttled_person_sees_a_page_that_says_when(tv: Device, no_luck: None, visitor: Visitor) -> None:
    """The response has 429 and Retry-After, and the page says the same. The server does not check even a right code."""
    for number in range(2):
        visitor.enter(guess(number))
    response = visitor.enter(tv.begun()["user_code"])
    assert (response.status_code, int(response["Retry-After"]) > 0) == (429, True)
    assert "Too many wrong codes" in response.content.decode()


def test_right_codes_are_not_counted(
    tv: Device, no_luck: None, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who sets up a shop connects many devices. Failures for other reasons are no guesses either."""
    for _ in range(5):
        assert visitor.allow(tv.begun()["user_code"]).status_code == 200
    with monkeypatch.context() as patch:
        patch.setattr(DeviceCodeManager, "waiting", lambda *_, **__: 1 / 0)
        for _ in range(5):
            with pytest.raises(ZeroDivisionError):
                authorization.find(guess(0), user_id=1, now=timezone.now())
    assert visitor.enter(guess(0)).status_code == 200


def test_input_that_cannot_be_a_code_does_not_count_as_a_guess(tv: Device, no_luck: None, visitor: Visitor) -> None:
    """Input of the wrong length, or with letters that no code has, cannot hit a device."""
    for typed in ("BBBB", "AAAA-AAAA", "BBBB-BBBB-BBBB", "1234-5678", "ß" * 8):
        assert visitor.enter(typed).status_code == 200
    assert "Wonder TV" in visitor.enter(tv.begun()["user_code"]).content.decode()


def test_another_address_gives_no_more_guesses(tv: Device, no_luck: None, visitor: Visitor) -> None:
    """The limit of a user holds across addresses."""
    for number in range(2):
        visitor.browser.defaults["REMOTE_ADDR"] = f"203.0.113.{number}"
        visitor.enter(guess(number))
    visitor.browser.defaults["REMOTE_ADDR"] = "203.0.113.9"
    assert visitor.enter(guess(9)).status_code == 429


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limited", ["person", "all"])
def test_guesses_at_the_same_moment_are_no_more_than_the_limit(
    tv: Device, no_luck: None, alice: User, monkeypatch: pytest.MonkeyPatch, limited: str
) -> None:
    """
    Guesses are counted before they are checked, so sending twenty at once tries no more codes than one after the other.
    """
    if limited == "all":
        monkeypatch.setattr(throttle, "GUESSES_OF_ALL", 1)
    looked_at = []

    def wait_for_the_others(*_: Any, **__: Any) -> None:
        looked_at.append(1)
        time.sleep(0.2)

    monkeypatch.setattr(DeviceCodeManager, "waiting", wait_for_the_others)
    people = [alice.pk if limited == "person" else f"somebody {number}" for number in range(20)]

    def tried(person: object) -> bool:
        try:
            authorization.find(guess(0), user_id=person, now=timezone.now())
        except TooManyFailures:
            return False
        return True

    answers = together(*[partial(tried, person) for person in people])
    assert (len(looked_at), answers.count(True)) == (2, 2)


def test_many_accounts_at_one_address_are_one_guesser(tv: Device, no_luck: None) -> None:
    """The limit of an address is ten times that of a user."""
    answers = [_by_another(number, address="198.51.100.1") for number in range(21)]
    assert answers == [200] * 20 + [429]
    assert _by_another(99, address="198.51.100.2") == 200


def test_all_guess_at_all_codes_together(tv: Device, no_luck: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guess may hit any waiting device, so many accounts at many addresses share one limit."""
    monkeypatch.setattr(throttle, "GUESSES_OF_ALL", 3)
    answers = [_by_another(number, address=f"198.51.100.{number}") for number in range(7)]
    assert answers == [200] * 6 + [429]


def _by_another(number: int, *, address: str) -> int:
    user = User.objects.create_user(f"guesser{number}")
    visitor = Visitor(user)
    visitor.browser.defaults["REMOTE_ADDR"] = address
    return int(visitor.enter(guess(number)).status_code)


def test_opening_a_link_is_no_guess(tv: Device, no_luck: None, visitor: Visitor) -> None:
    """A GET checks no code, so that a page full of links cannot block users."""
    for number in range(30):
        assert visitor.open(f"/device/?user_code={guess(number)}").status_code == 200
    assert "Wonder TV" in visitor.enter(tv.begun()["user_code"]).content.decode()


def test_nobody_guesses_who_is_not_signed_in(tv: Device, no_luck: None) -> None:
    """The server sends visitors to the login without checking the code that they entered."""
    nobody = Visitor(None)
    page = nobody.browser.get("/login/")
    token = page.cookies["csrftoken"].value
    for number in range(5):
        form = urlencode({"user_code": guess(number), "csrfmiddlewaretoken": token})
        response = nobody.browser.post("/device/", form, content_type=FORM)
        assert (response.status_code, "/login/" in response["Location"]) == (302, True)


def test_wrong_codes_are_told_without_the_codes(tv: Device, visitor: Visitor, committed: Any, caplog: Any) -> None:
    """Equal refusals share a row, and the entered codes are not recorded."""
    with committed(), caplog.at_level("INFO"):
        for number in range(12):
            visitor.enter(guess(number))
    audit.flush()
    rows = AuditEvent.objects.filter(event="user_code_refused")
    assert sorted(rows.values_list("reason", flat=True)) == ["no device waits under it", "throttled"]
    assert "ZZZZ" not in caplog.text


def test_a_flood_of_devices_is_limited(tv: Device, no_luck: None) -> None:
    """Anyone can read a public client's client_id, and each device that begins adds a row."""
    answers = [tv.begin().status_code for _ in range(21)]
    assert answers == [200] * 20 + [429]
    assert DeviceCode.objects.count() == 20
    tv.server.defaults["REMOTE_ADDR"] = "203.0.113.7"
    assert tv.begin().status_code == 200


def test_a_client_that_authenticates_is_not_limited(devices: Settings, no_luck: None, presc_man: Client) -> None:
    """Such a client is responsible for its devices."""
    Client.objects.update(grant_types=GRANT_TYPE)
    device = Device(presc_man, credentials={"client_id": "presc_man_123", "client_secret": "ITS_A_VERY_SECRET_KEY"})
    assert [device.begin().status_code for _ in range(25)] == [200] * 25


def test_a_cache_that_is_away_stops_nobody(tv: Device, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise an outage of the cache would be an outage of the server."""

    def fail(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(failure_counts.CacheStorage, "_cache", fail)
    assert visitor.allow(tv.begun()["user_code"]).status_code == 200
