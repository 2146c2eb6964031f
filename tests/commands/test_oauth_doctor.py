"""manage.py oauth_doctor, against a real server on this machine and against none."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db.utils import OperationalError
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from oauth_service.models import AuditEvent, AuthorizationCode, Client, SigningKey
from oauth_service.tokens import keys
from oauth_service.watch import readiness
from oauth_service.watch.doctor import facts
from tests.database import connection
from tests.guide import Guide

# Findings that the tests' own settings cause; the tests of the checks cover them.
SILENCED = [
    *("security.W004", "security.W008", "security.W012", "security.W016", "security.W009", "security.W018"),
    *("oauth_service.W001", "oauth_service.W002", "oauth_service.W003", "oauth_service.W007", "oauth_service.W008"),
]


@pytest.fixture
def in_order(settings: Settings, db: None) -> Settings:
    """A deployment without findings."""
    settings.SILENCED_SYSTEM_CHECKS = SILENCED
    settings.OAUTH_SERVICE_TOKEN_KEY = "a token key of thirty-two characters"
    return settings


def doctor(*arguments: str) -> tuple[int, str]:
    """Run the command; return its exit status and its output."""
    output = StringIO()
    try:
        call_command("oauth_doctor", *arguments, stdout=output)
    except SystemExit as ended:
        return int(str(ended.code)), output.getvalue()
    return 0, output.getvalue()


def found(*arguments: str) -> dict[str, Any]:
    """The report for programs."""
    report: dict[str, Any] = json.loads(doctor("--json", *arguments)[1])
    return report


@contextmanager
def no_database() -> Iterator[None]:
    """A database that is down."""

    def refuse(*_: Any) -> None:
        raise OperationalError("connection refused")

    with connection.execute_wrapper(refuse):
        yield


def test_a_deployment_in_order_ends_well(in_order: Settings) -> None:
    """The report says of each group that it is in order."""
    status, said = doctor("--strict")
    assert (status, said.count("in order"), said.splitlines()[-1]) == (0, 3, "0 errors, 0 warnings, 0 notes.")


def test_warnings_count_if_they_are_to(in_order: Settings, presc_man: Client) -> None:
    """CI may want to fail on warnings. The client of the guide causes some."""
    assert (doctor()[0], doctor("--strict")[0]) == (0, 1)


def test_errors_end_with_two(in_order: Settings) -> None:
    """The status of errors does not depend on whether warnings count."""
    in_order.OAUTH_SERVICE_AUTHORIZATION_CODE = 1
    assert (doctor()[0], doctor("--strict")[0]) == (2, 2)


def test_a_finding_says_what_why_and_what_to_do(in_order: Settings, presc_man: Client) -> None:
    """Operators get sentences, and programs get an id."""
    report = found()
    words = " ".join(doctor()[1].split())
    assert (report["warnings"], report["errors"]) == (3, 0)
    for finding in report["findings"]:
        assert (
            f"{finding['about']}: {finding['what']} {finding['why']} → {finding['remedy']} [{finding['id']}]" in words
        )


def test_a_database_that_is_down_is_one_finding(in_order: Settings) -> None:
    """The command must not print a traceback."""
    with no_database():
        assert [finding["id"] for finding in found()["findings"] if finding["group"] == "Server"] == ["no-database"]


def test_a_database_without_tables_needs_migrate(in_order: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database responds: the remedy is a command, not another value of DATABASES."""

    def no_table(**_: Any) -> None:
        raise OperationalError("no such table: oauth_service_client")

    monkeypatch.setattr(facts, "of_inside", no_table)
    monkeypatch.setattr(readiness, "unapplied", lambda: ["auth.0001", "auth.0002", "auth.0003", "auth.0004"])
    [finding] = [finding for finding in found()["findings"] if finding["group"] == "Server"]
    assert (finding["id"], finding["what"], finding["remedy"]) == (
        "migrations-unapplied",
        "4 migrations are not applied: auth.0001, auth.0002, auth.0003, ….",
        "Run manage.py migrate.",
    )


def test_no_secret_stands_in_the_report(in_order: Settings, presc_man: Client) -> None:
    """Operators may paste the report into a ticket."""
    in_order.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = ["an old key of thirty-two characters"] * 6
    said = doctor()[1] + doctor("--json")[1]
    secrets = [in_order.SECRET_KEY, in_order.OAUTH_SERVICE_TOKEN_KEY, "an old key", presc_man.secret_hash]
    assert [secret for secret in secrets if secret in said] == []


@pytest.mark.parametrize("url", ["id.example", "ftp://id.example", "https://"])
def test_a_url_that_is_none_is_refused(in_order: Settings, url: str) -> None:
    """The command checks the URL before any request."""
    with pytest.raises(CommandError, match="--url must be"):
        doctor("--url", url)


@pytest.mark.django_db(transaction=True)
def test_a_real_server_is_in_order(in_order: Settings, live_server: LiveServer) -> None:
    """The rules must fit real responses of the server. Some do not apply over http."""
    in_order.OAUTH_SERVICE_ISSUER = live_server.url
    outside = [finding["id"] for finding in found("--url", f"{live_server.url}/")["findings"]]
    assert outside == ["http-at-home"]


@pytest.mark.django_db(transaction=True)
def test_a_real_server_with_another_issuer_is_not(in_order: Settings, live_server: LiveServer) -> None:
    """Operators who move a server tend to forget the issuer."""
    in_order.OAUTH_SERVICE_ISSUER = "http://localhost:8000"
    errors = [finding["id"] for finding in found("--url", live_server.url)["findings"] if finding["level"] == "error"]
    assert errors == ["issuer-differs"]


@pytest.mark.django_db(transaction=True)
def test_metrics_that_a_proxy_would_show_to_everybody_are_noticed(in_order: Settings, live_server: LiveServer) -> None:
    """
    The setting admits the proxy's own address. If the proxy sends no X-Forwarded-For, every request comes from there.
    """
    in_order.OAUTH_SERVICE_ISSUER = live_server.url
    in_order.OAUTH_SERVICE_METRICS_ADDRESSES = ["127.0.0.0/8", "192.0.2.0/24", "::1"]
    in_order.OAUTH_SERVICE_TRUSTED_PROXIES = ["127.0.0.1", "2001:db8::/32"]
    report = found("--url", live_server.url)
    ids = [finding["id"] for finding in report["findings"]]
    assert ids == ["metrics-for-proxies", "metrics-open", "http-at-home"]
    assert "addresses of trusted proxies: 127.0.0.0/8." in report["findings"][0]["what"]


@pytest.mark.parametrize(("addresses", "proxies"), [(["inside"], ["127.0.0.1"]), (["127.0.0.1"], ["the balancer"])])
def test_settings_that_are_no_networks_stop_no_report(
    in_order: Settings, addresses: list[str], proxies: list[str]
) -> None:
    """
    System checks report such settings. A TRUSTED_PROXIES without our prefix belongs to another package, and may mean
    anything.
    """
    in_order.OAUTH_SERVICE_METRICS_ADDRESSES = addresses
    in_order.OAUTH_SERVICE_TRUSTED_PROXIES = proxies
    in_order.TRUSTED_PROXIES = ["127.0.0.1", 1]
    assert facts.of_inside(now=timezone.now()).proxies_let_in == ()


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (["10.0.0.5"] * 5, "10.0.0.5"),
        (["127.0.0.1"] * 5, "127.0.0.1"),
        (["fd00::1"] * 5, "fd00::1"),
        (["10.0.0.5"] * 4 + ["198.51.100.7"], ""),
        (["10.0.0.5"] * 4 + ["10.0.0.6"], ""),
        (["8.8.8.8"] * 5, ""),
        (["10.0.0.5"] * 2, ""),
        ([""] * 5, ""),
        ([], ""),
    ],
)
def test_people_who_all_come_from_a_proxy_are_noticed(in_order: Settings, addresses: list[str], expected: str) -> None:
    """Several users have one private address, which must be the proxy's. A public address may be a school's."""
    for number, address in enumerate(addresses):
        user = User.objects.create(username=f"person {number}")
        now = timezone.now()
        AuditEvent.objects.create(event="consent_given", user=user, address=address, at=now, purge_at=now)
    assert facts.of_inside(now=timezone.now()).one_address == expected


def test_where_nothing_listens_is_one_finding(in_order: Settings) -> None:
    """No server listens on port 9."""
    report = found("--url", "https://127.0.0.1:9", "--timeout", "2")
    assert [finding["id"] for finding in report["findings"]] == ["unreachable"]


def test_rows_that_nobody_swept_are_counted(in_order: Settings, guide: Guide) -> None:
    """A server that gets requests sweeps within a day, so older rows show a fault."""
    guide.code()
    AuthorizationCode.objects.update(purge_at=timezone.now() - timedelta(days=2))
    assert facts.of_inside(now=timezone.now()).backlog == 1


# -- signing keys ------------------------------------------------------------------------------------------------------


@pytest.fixture
def provider(in_order: Settings) -> Settings:
    """An OpenID Provider without findings, whose database has an ES256 key."""
    # Other tests of this process guard views with user and profile, and a missing scope is a finding.
    in_order.OAUTH_SERVICE_SCOPES = {"openid": "Who you are", "user": "Your name", "profile": "Your profile"}
    in_order.OAUTH_SERVICE_SIGNING_ALGORITHMS = ("RS256", "ES256")
    keys.sign({}, algorithm="ES256", typ="JWT", now=timezone.now())
    return in_order


def of_keys() -> list[tuple[str, str]]:
    """Findings about keys: id and kid."""
    return [(each["id"], each["about"]) for each in found()["findings"] if each["group"] == "Signing keys"]


def test_keys_in_order_are_nothing_to_find(provider: Settings) -> None:
    """The doctor must not make a key."""
    assert [(finding["id"], finding["about"], finding["what"]) for finding in found()["findings"]] == []
    assert (doctor("--strict")[0], SigningKey.objects.count()) == (0, 1)


def test_a_token_key_that_was_lost_is_found(provider: Settings) -> None:
    """The report names the key that cannot be decrypted, and the setting that would bring it back."""
    kid = SigningKey.objects.get().kid
    provider.OAUTH_SERVICE_TOKEN_KEY, provider.SECRET_KEY = "another token key of many characters", "s" * 50
    assert of_keys() == [("key-unreadable", kid)]
    assert (doctor()[0], "OAUTH_SERVICE_TOKEN_KEY_FALLBACKS" in doctor()[1]) == (2, True)
    assert SigningKey.objects.count() == 1


def test_keys_that_nobody_replaces_are_found(provider: Settings) -> None:
    """A lifetime of None turns the rotation of keys off."""
    provider.OAUTH_SERVICE_SIGNING_KEY_LIFETIME = None
    assert of_keys() == [("key-for-ever", SigningKey.objects.get().kid)]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("SIGNER", "tests.endpoints.test_jwks.Away"), ("SIGNING_KEYS", ["-----BEGIN a secret that is no key"])],
)
def test_keys_from_elsewhere_that_cannot_be_used_are_found(provider: Settings, setting: str, value: Any) -> None:
    """The report gives the reason, but nothing of the key."""
    setattr(provider, f"OAUTH_SERVICE_{setting}", value)
    assert (of_keys(), "a secret" in doctor()[1]) == ([("keys-elsewhere", "")], False)
