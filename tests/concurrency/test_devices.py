"""Simultaneous polls with one device code, and simultaneous decisions about one."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from pytest_django import Settings

from oauth_service.models import Consent, DeviceCode, Grant
from tests.clauses import clause
from tests.concurrency.threads import stopped, together
from tests.device.actors import Device, Visitor, new_tv_app


@pytest.fixture
def tv(transactional_db: None, settings: Settings) -> Device:
    """A television that asks to be connected."""
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = True
    return Device(new_tv_app())


@pytest.fixture
def visitor(alice: User) -> Visitor:
    """Alice's browser."""
    return Visitor(alice)


@clause("RFC 8628", "3.5")
def test_exactly_one_of_twenty_polls_succeeds(tv: Device, visitor: Visitor) -> None:
    """Every loser proves that it has the code, so at the end nothing is alive."""
    for _ in range(3):
        begun = tv.begun()
        visitor.allow(begun["user_code"])
        answers = together(*[lambda code=begun["device_code"]: tv.poll(code)] * 20)
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19
        [won] = [answer.json() for answer in answers if answer.status_code == 200]
        assert tv.userinfo(won["access_token"]).status_code == 401
        assert (DeviceCode.objects.count(), Grant.objects.count()) == (0, 0)


def test_twenty_polls_that_wait_make_nobody_wait(tv: Device) -> None:
    """No poll fails, and one of the simultaneous polls stores the pace."""
    device_code = tv.begun()["device_code"]
    answers = together(*[lambda: tv.error(device_code)] * 20)
    assert set(answers) <= {"authorization_pending", "slow_down"}


def test_exactly_one_of_many_decisions_counts(tv: Device, visitor: Visitor) -> None:
    """Two tabs or two users may decide about one code. The device gets one decision."""
    bob = Visitor(User.objects.create_user("bob"))
    begun = tv.begun()
    calls: list[Any] = []
    for person in (visitor, bob):
        page = person.enter(begun["user_code"])
        for decision in ("allow", "deny"):
            browser = Browser(enforce_csrf_checks=True)
            browser.cookies = person.browser.cookies
            tab = Visitor(None, browser)
            calls += [lambda tab=tab, page=page, decision=decision: tab.send(page, **{decision: "1"})] * 3
    answers = [answer.content.decode() for answer in together(*calls)]
    counted = [text for text in answers if "Your device is connected" in text or "The device was not connected" in text]
    assert len(counted) == 1
    is_allowed = "Your device is connected" in counted[0]
    assert Consent.objects.count() == int(is_allowed)  # a late Allow has allowed nothing
    assert tv.poll(begun["device_code"]).status_code == (200 if is_allowed else 400)


def test_a_poll_that_was_overtaken_is_a_replay(tv: Device, visitor: Visitor) -> None:
    """Both polls read the approved code. The row count of the DELETE decides, and not what was read."""
    begun = tv.begun()
    visitor.allow(begun["user_code"])
    with stopped(lambda: tv.poll(begun["device_code"])) as overtaken:
        won = tv.poll(begun["device_code"])
    assert (won.status_code, overtaken.result().json()["error"]) == (200, "invalid_grant")
    assert tv.userinfo(won.json()["access_token"]).status_code == 401


def test_a_withdrawal_that_crosses_a_redemption_leaves_nothing_alive(tv: Device, visitor: Visitor) -> None:
    """A grant written after the withdrawal has no consent, and is void."""
    begun = tv.begun()
    visitor.allow(begun["user_code"])
    with stopped(lambda: tv.poll(begun["device_code"])) as poll:
        Consent.objects.withdraw(Consent.objects.get())
    answer = poll.result()
    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        assert tv.userinfo(answer.json()["access_token"]).status_code == 401
