"""Every duration and number in the settings: either a check refuses the value, or everything works with it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from math import inf, nan
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import models
from django.utils import timezone
from pytest_django import Settings

from oauth_service import conf
from oauth_service.checks import check_values
from oauth_service.models import AuditEvent, Client
from oauth_service.models.purge import sweep
from oauth_service.watch import audit

from .conftest import RelyingParty

Committed = Callable[[], AbstractContextManager[object]]
NUMBERS = [setting for setting in conf.ALL if setting.kind in (timedelta, int)]
DURATIONS: tuple[Any, ...] = (
    *(timedelta.max, timedelta.min, timedelta(days=400_000), timedelta(days=-1), timedelta(0)),
    *(timedelta(microseconds=1), timedelta(microseconds=-1)),
)
COUNTS: tuple[Any, ...] = (10**30, -(10**30), 2**63, 2**31, -1, 0, 1)
NO_NUMBERS: tuple[Any, ...] = (nan, inf, -inf, 3.5, "1", None, True)
EVERYWHERE: tuple[Any, ...] = (*DURATIONS, *COUNTS, *NO_NUMBERS)

each_setting = pytest.mark.parametrize("setting", NUMBERS, ids=lambda setting: setting.name.removeprefix(conf.PREFIX))


def works(rp: RelyingParty, committed: Committed) -> list[tuple[str, int]]:
    """Return the failures on the whole way: sign-in, consent, tokens, refresh, use, end and sweep."""
    frozen = time_machine.travel(
        datetime(2026, 3, 1, 12, 0, tzinfo=UTC), tick=False
    )  # a lifetime may be a single second
    with frozen, committed():
        found = _failures(rp)
    audit.flush()
    silent = conf.AUDIT_LIFETIME() != timedelta(0) and not AuditEvent.objects.filter(event="token_issued").exists()
    return [*found, ("the audit trail is empty", 0)] if silent else found


def _failures(rp: RelyingParty) -> list[tuple[str, int]]:
    tokens = rp.tokens(scope="openid profile offline_access")
    revocation = {"token": tokens["refresh_token"], **rp.credentials}
    answers = {
        "used": rp.userinfo(tokens["access_token"]),
        "refreshed": rp.refresh(tokens["refresh_token"]),
        "refreshed again": rp.refresh(tokens["refresh_token"]),
        "revoked": rp.server.post("/oauth/revoke/", revocation),
        "page": rp.browser.get("/manage-apps/"),
        "signed out": rp.browser.post("/logout/"),
        "refused": rp.server.post("/token/", {"grant_type": "refresh_token", "refresh_token": "x", "client_id": "rp"}),
    }
    sweep(now=timezone.now() - timedelta(minutes=1))
    return [(name, answer.status_code) for name, answer in answers.items() if answer.status_code >= 500]


@each_setting
def test_every_duration_and_number_has_bounds(setting: conf.Setting[Any]) -> None:
    """The default lies within the bounds. None is allowed only if its meaning is documented."""
    assert setting.least is not None
    assert setting.most is not None
    assert setting.default is None or setting.least <= setting.default <= setting.most
    assert setting.default is not None or setting.none_means


@pytest.mark.walk
@each_setting
@pytest.mark.parametrize("value", EVERYWHERE, ids=repr)
def test_a_check_refuses_it_or_everything_works(
    rp: RelyingParty, provider: Settings, setting: conf.Setting[Any], value: Any, committed: Committed
) -> None:
    """timedelta.max used to pass the checks, and then every exchange was a 500."""
    setattr(provider, setting.name, value)
    if refused := check_values(None):
        assert [message.msg for message in refused if setting.name not in message.msg] == []
        return
    assert works(rp, committed) == []


def ends() -> list[Any]:
    """Return each setting with each of its bounds, and with None and zero if they have a meaning."""
    params = []
    for setting in NUMBERS:
        found = {"least": setting.least, "most": setting.most}
        found |= {"none": None} if setting.none_means else {}
        found |= {"zero": timedelta(0)} if setting.zero_means else {}
        for name, value in found.items():
            params.append(pytest.param(setting, value, id=f"{setting.name.removeprefix(conf.PREFIX)}-{name}"))
    return params


@pytest.mark.walk
@pytest.mark.parametrize(("setting", "value"), ends())
def test_everything_works_at_the_bounds(
    rp: RelyingParty, provider: Settings, setting: conf.Setting[Any], value: Any, committed: Committed
) -> None:
    """The test adjusts settings that are compared with this one."""
    provider.DATA_UPLOAD_MAX_MEMORY_SIZE = None
    provider.OAUTH_SERVICE_REFRESH_TOKEN_LIFETIME = None
    if setting in (conf.REFRESH_TOKEN_LIFETIME, conf.CONNECTION_LIFETIME) and value:
        provider.OAUTH_SERVICE_ACCESS_TOKEN_LIFETIME = min(value, timedelta(hours=1))
    setattr(provider, setting.name, value)
    assert check_values(None) == []
    assert works(rp, committed) == []


@each_setting
def test_what_is_beyond_a_bound_is_refused(provider: Settings, setting: conf.Setting[Any]) -> None:
    """Operators read the bounds in the message of the check that docs/settings.md names."""
    step: Any = timedelta(microseconds=1) if setting.kind is timedelta else 1
    least: Any = setting.least
    most: Any = setting.most
    for value in (least - step, most + step):
        setattr(provider, setting.name, value)
        [message] = check_values(None)
        assert message.id == f"oauth_service.{setting.check}"
        assert f"between {conf.in_words(least)} and {conf.in_words(most)}" in message.msg
        assert ("None for" in message.msg) == bool(setting.none_means)


def test_a_trail_that_is_kept_for_ever_has_its_events(
    rp: RelyingParty, provider: Settings, committed: Committed
) -> None:
    """The trail used to stay empty with timedelta.max, without any message."""
    provider.OAUTH_SERVICE_AUDIT_LIFETIME = None
    with committed():
        rp.tokens()
    audit.flush()
    sweep(now=timezone.now() + timedelta(days=36_000))
    assert AuditEvent.objects.filter(event="token_issued").count() == 1


def test_a_connection_that_nothing_ends_is_good_after_years(rp: RelyingParty, provider: Settings) -> None:
    """A connection with REFRESH_TOKEN_LIFETIME = None lives until somebody ends it."""
    provider.OAUTH_SERVICE_REFRESH_TOKEN_LIFETIME = None
    with time_machine.travel(datetime(2026, 3, 1, tzinfo=UTC), tick=False):
        tokens = rp.tokens(scope="user")
    with time_machine.travel(datetime(2046, 3, 1, tzinfo=UTC), tick=False):
        sweep(now=timezone.now())
        assert rp.refresh(tokens["refresh_token"]).status_code == 200


COLUMNS: dict[type, tuple[Any, ...]] = {models.DurationField: DURATIONS, models.IntegerField: COUNTS}


def columns() -> list[Any]:
    """Return each duration and number of a client with each hostile value."""
    fields = [field for field in Client._meta.fields if not field.primary_key]
    return [
        pytest.param(field.name, value, id=f"{field.name}-{value!r}")
        for field in fields
        for kind, values in COLUMNS.items()
        if isinstance(field, kind)
        for value in values
    ]


@pytest.mark.parametrize(("column", "value"), columns())
def test_a_clients_own_numbers_have_bounds_too(
    rp: RelyingParty, provider: Settings, column: str, value: Any, committed: Committed
) -> None:
    """Either validation refuses the value, as in the admin and create_client, or everything works."""
    setattr(rp.client, column, value)
    if refused := faults_of(rp.client):
        assert refused == {column}
        return
    rp.client.save()
    assert works(rp, committed) == []


def faults_of(client: Client) -> set[str]:
    """Return the columns that validation refuses."""
    try:
        client.full_clean()
    except ValidationError as fault:
        return set(fault.message_dict)
    return set()


@pytest.mark.parametrize("value", ["9" * 30, "999999999", "-5", "0", "999999999 00:00:00"])
def test_create_client_refuses_a_lifetime_out_of_bounds(db: None, value: str) -> None:
    """The operator must get a sentence instead of a traceback."""
    options = [f"--refresh-token-lifetime={value}", "--redirect-uri", "https://app.example/cb"]
    with pytest.raises(CommandError):
        call_command("create_client", "App", *options)
