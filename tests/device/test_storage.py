"""The row of a waiting device: its content, and its end."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import FieldError
from django.db import IntegrityError
from django.utils import timezone
from pytest_django import Settings

from oauth_service.authorization import device as flow
from oauth_service.models import DeviceCode, Grant, purge
from oauth_service.protocol import device_code
from oauth_service.testing import forget_everything
from oauth_service.tokens.resources import Resources
from tests.device.actors import Device, Visitor


def test_no_code_is_stored(tv: Device) -> None:
    """The row holds no device code, no user code, and no digest that can be computed without the key."""
    begun = tv.begun()
    [row] = DeviceCode.objects.values()
    bare = begun["user_code"].replace("-", "")
    stored = " ".join(map(str, row.values()))
    assert [word for word in (bare, begun["user_code"], begun["device_code"]) if word in stored] == []
    assert row["user_code_digest"] != device_code.digest_of(bare, b"another key")


def test_what_is_over_is_swept(tv: Device, visitor: Visitor) -> None:
    """The sweep deletes a row ten minutes after its end, and the row of a redeemed code at once."""
    pending, denied, redeemed = tv.begun(), tv.begun(), tv.begun()
    visitor.deny(denied["user_code"])
    visitor.allow(redeemed["user_code"])
    tv.poll(redeemed["device_code"])
    assert DeviceCode.objects.count() == 2
    purge.sweep(now=timezone.now() + timedelta(minutes=15))
    assert DeviceCode.objects.count() == 2
    purge.sweep(now=timezone.now() + timedelta(minutes=21))
    assert (DeviceCode.objects.count(), Grant.objects.count()) == (0, 1)
    assert tv.error(pending["device_code"]) == "invalid_grant"


def test_a_server_without_devices_sweeps_no_table_of_theirs(settings: Settings) -> None:
    """An unused feature must cost nothing."""
    assert DeviceCode not in purge.swept_tables()
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = True
    assert DeviceCode in purge.swept_tables()


def test_a_user_code_is_found_under_an_earlier_key(tv: Device, visitor: Visitor, devices: Settings) -> None:
    """The token key may be replaced while a device waits."""
    devices.OAUTH_SERVICE_TOKEN_KEY = "the token key of these tests, 32 long"
    forget_everything()
    begun = tv.begun()
    devices.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = [devices.OAUTH_SERVICE_TOKEN_KEY]
    devices.OAUTH_SERVICE_TOKEN_KEY = "a newer token key, as long as 32 is"
    forget_everything()
    assert visitor.allow(begun["user_code"]).status_code == 200
    assert tv.poll(begun["device_code"]).status_code == 200


def test_two_devices_never_show_the_same_code(tv: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's unique constraint decides, and the second device gets another code."""
    codes = iter(["BBBBBBBB", "BBBBBBBB", "CCCCCCCC"])
    monkeypatch.setattr(device_code, "new_user_code", lambda: next(codes))
    assert [tv.begun()["user_code"] for _ in range(2)] == ["BBBB-BBBB", "CCCC-CCCC"]


def test_a_server_that_finds_no_code_fails_aloud(tv: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two devices must never share a code, so the server fails rather than reuse one."""
    monkeypatch.setattr(device_code, "new_user_code", lambda: "BBBBBBBB")
    tv.begun()
    with pytest.raises(IntegrityError):
        flow._stored(tv.client, "user", Resources(), now=timezone.now())  # type: ignore[arg-type]


@pytest.mark.parametrize(("lifetime", "interval"), [(60, 1), (3600, 60)])
def test_the_settings_decide_on_lifetime_and_interval(
    tv: Device, devices: Settings, lifetime: int, interval: int
) -> None:
    """The server enforces the values that it sends to the device."""
    devices.OAUTH_SERVICE_DEVICE_CODE_LIFETIME = timedelta(seconds=lifetime)
    devices.OAUTH_SERVICE_DEVICE_CODE_INTERVAL = timedelta(seconds=interval)
    begun = tv.begun()
    assert (begun["expires_in"], begun["interval"]) == (lifetime, interval)
    with time_machine.travel(timezone.now() + timedelta(seconds=lifetime + 1), tick=False):
        assert tv.error(begun["device_code"]) == "expired_token"


def test_user_codes_are_random_letters_of_the_alphabet() -> None:
    """Eight letters of twenty, each equally likely."""
    codes = {device_code.new_user_code() for _ in range(500)}
    assert len(codes) == 500
    assert {letter for code in codes for letter in code} == set(device_code.ALPHABET)
    assert {len(code) for code in codes} == {8}


@pytest.mark.parametrize("typed", ["", "   ", "-", "BBBB", "B" * 9, "B" * 5000, "BBBB-BBB1", "AEIO-UAEI", "\u0130" * 8])
def test_what_cannot_be_a_code_is_none(typed: str) -> None:
    """Users may type anything, and only a well-formed code may cost a query."""
    assert device_code.read_user_code(typed) == ""


def test_the_row_shows_no_secret(tv: Device) -> None:
    """The repr has only the primary key, and no lookup may use the secret column."""
    tv.begun()
    row = DeviceCode.objects.row(DeviceCode.objects.get().pk)
    assert row is not None
    assert repr(row) == f"DeviceCodeRow({row.pk})"
    lookup: Any = {"secret__startswith": b"x"}
    with pytest.raises(FieldError):
        DeviceCode.objects.filter(**lookup)
