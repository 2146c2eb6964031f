"""A server describes its keys and settings to the doctor only."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone, translation
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from oauth_service import conf
from oauth_service.watch import same_settings
from tests.commands.test_oauth_doctor import doctor, found

OLD, NEW = "o" * 40, "n" * 40
NOW = timezone.now().replace(microsecond=0)


@pytest.fixture(autouse=True)
def with_a_token_key(settings: Settings, db: None) -> Settings:
    """A deployment with a token key of its own."""
    settings.OAUTH_SERVICE_TOKEN_KEY = OLD
    return settings


def told(browser: Browser, authorization: str) -> Any:
    """The fingerprints in the response of /readyz."""
    response = browser.get("/readyz", headers={"Authorization": authorization})
    assert (response.status_code, response.json()["status"]) == (200, "ready")
    return response.json().get("same_settings")


def test_who_has_a_token_key_is_told(browser: Browser) -> None:
    """A caller who proves the token key gets the same fingerprints as inside the server's process."""
    assert told(browser, same_settings.proof(timezone.now())) == same_settings.fingerprints()


@pytest.mark.parametrize("fallbacks", [[], [OLD]], ids=["only the new key", "the old one as a fallback"])
def test_one_key_in_common_is_enough(browser: Browser, settings: Settings, fallbacks: list[str]) -> None:
    """Servers have different keys in the middle of a rollout. A caller without a common key is a stranger."""
    settings.OAUTH_SERVICE_TOKEN_KEY, settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = NEW, fallbacks
    proof = same_settings.proof(timezone.now())
    settings.OAUTH_SERVICE_TOKEN_KEY, settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = OLD, []
    assert bool(told(browser, proof)) is bool(fallbacks)


def others() -> Iterator[str]:
    """Malformed, altered and invented proofs."""
    good = same_settings.proof(NOW)
    yield from ("", "Bearer x", "OAuthDoctor", "OAuthDoctor 1", f"OAuthDoctor 1.{'0' * 64}", f"{good[:-1]}\u00e9")
    yield good.replace("OAuthDoctor", "oauthdoctor")
    yield good[:-1] + ("1" if good.endswith("0") else "0")
    yield good.replace(str(int(NOW.timestamp())), str(int(NOW.timestamp()) + 1))
    yield f"OAuthDoctor {int(NOW.timestamp())}" + f".{'0' * 64}" * 17
    yield f"{good}\n"


def test_nobody_else_is_told(browser: Browser) -> None:
    """Strangers learn nothing, even if they overheard an old proof."""
    for header in others():
        assert not same_settings.is_proven(header, now=NOW), header
    good = same_settings.proof(NOW)
    span = timedelta(seconds=same_settings.PROVEN_FOR_SECONDS)
    assert [same_settings.is_proven(good, now=NOW + shift) for shift in (-span, span)] == [True, True]
    late = timedelta(seconds=same_settings.PROVEN_FOR_SECONDS + 1)
    assert [same_settings.is_proven(good, now=NOW + shift) for shift in (-late, late)] == [False, False]
    assert told(browser, "Bearer x") is None


VALUES: dict[Any, Any] = {str: "another", bool: True, int: 4711, timedelta: timedelta(seconds=4711)}


@pytest.mark.parametrize("setting", conf.ALL, ids=lambda setting: setting.name)
def test_every_setting_is_compared(settings: Settings, setting: conf.Setting[Any]) -> None:
    """New settings are compared without a change to the doctor. Keys are compared separately."""
    before = same_settings.fingerprints()
    value = VALUES.get(setting.kind, ["x" * 32] if isinstance(setting.kind, tuple) else {"another": "…"})
    if setting.kind is bool:
        value = not setting.default
    setattr(settings, setting.name, value)
    after = same_settings.fingerprints()
    if setting.name in (conf.TOKEN_KEY.name, conf.TOKEN_KEY_FALLBACKS.name):
        assert (after["token_keys"] != before["token_keys"], after["settings"]) == (True, before["settings"])
    else:
        assert [name for name in after["settings"] if after["settings"][name] != before["settings"][name]] == [
            setting.name
        ]


def test_a_digest_is_of_the_value_and_of_nothing_else(settings: Settings) -> None:
    """
    The digest does not depend on the caller's language, is the same for a list and a tuple, and reveals no secret.
    """
    before = same_settings.fingerprints()
    with translation.override("de"):
        assert same_settings.fingerprints() == before
    settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = ()
    settings.OAUTH_SERVICE_SIGNING_ALGORITHMS = list(conf.SIGNING_ALGORITHMS())
    assert same_settings.fingerprints() == before
    assert [key for key in (OLD, settings.SECRET_KEY) if key in str(before)] == []


def test_a_server_that_is_not_ready_still_tells(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Different settings may be the reason why the server is not ready."""
    monkeypatch.setattr("oauth_service.watch.readiness.missing", lambda: ["migrations"])
    response = browser.get("/readyz", headers={"Authorization": same_settings.proof(timezone.now())})
    assert (response.status_code, set(response.json())) == (503, {"status", "missing", "same_settings"})


@pytest.mark.django_db(transaction=True)
def test_the_doctor_asks_real_servers(settings: Settings, live_server: LiveServer) -> None:
    """Both names belong to the same server, so the doctor must find no difference."""
    findings = found("--server", live_server.url, "--server", live_server.url)["findings"]
    assert [each for each in findings if each["group"] == "Servers"] == []


@pytest.mark.django_db(transaction=True)
def test_an_address_without_a_server_of_ours_has_a_finding(
    settings: Settings, live_server: LiveServer, free_tcp_port: int
) -> None:
    """Nothing listens at the first address, and something else answers at the second."""
    silent = f"http://127.0.0.1:{free_tcp_port}"
    settings.OAUTH_SERVICE_ISSUER = ""
    found_there = [each for each in found("--server", silent)["findings"] if each["group"] == "Servers"]
    assert [(each["id"], each["about"]) for each in found_there] == [("server-silent", silent)]
    settings.ALLOWED_HOSTS = ["nobody.example"]
    found_there = [each for each in found("--server", live_server.url)["findings"] if each["group"] == "Servers"]
    assert [(each["id"], each["about"]) for each in found_there] == [("server-silent", live_server.url)]
    assert doctor("--server", silent)[0] == 2
