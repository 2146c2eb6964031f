"""Each system check reports its id for its reason, and for nothing else."""

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings as django_settings
from django.core import checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import path
from django.views.defaults import server_error
from pytest_django import Settings

from config.server.urls import urlpatterns as server_urls
from config.sites import ROOT
from oauth_service import conf
from oauth_service.checks import check_deployment, check_names, check_surroundings, check_values
from oauth_service.resources import requirement
from tests.database import connection

SAFE = {
    "OAUTH_SERVICE_ISSUER": "https://id.example",
    "ALLOWED_HOSTS": ["id.example"],
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SECURE": True,
    "SECURE_SSL_REDIRECT": True,
}


class OwnCsrf(CsrfViewMiddleware):
    """A project's own CSRF middleware."""


def ids(check: Callable[..., list[checks.CheckMessage]]) -> list[str]:
    """Return the ids that a check finds, without their common prefix."""
    return [str(message.id).removeprefix("oauth_service.") for message in check(None)]


@pytest.fixture
def safe(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A safe server on the open network."""
    for name, value in SAFE.items():
        setattr(settings, name, value)
    return settings


@pytest.mark.parametrize("check", [check_names, check_values, check_surroundings])
def test_nothing_is_found_where_nothing_is_set(check: Any, settings: Settings) -> None:
    """The defaults are safe."""
    del settings.OAUTH_SERVICE_ISSUER
    assert check(None) == []


def test_nothing_is_found_in_a_safe_deployment(safe: Settings) -> None:
    """Operators stop reading a warning that is always there."""
    assert [ids(each) for each in (check_names, check_values, check_surroundings, check_deployment)] == [[], [], [], []]


def test_an_unknown_setting_is_an_error_that_names_the_nearest_one(settings: Settings) -> None:
    """A typing error must not silently switch a protection off."""
    settings.OAUTH_SERVICE_ACCES_TOKEN_LIFETIME = timedelta(minutes=5)
    [message] = check_names(None)
    assert (message.id, message.hint) == ("oauth_service.E001", "Did you mean OAUTH_SERVICE_ACCESS_TOKEN_LIFETIME?")


def test_an_unknown_setting_like_no_other_leads_to_the_list(settings: Settings) -> None:
    """Without a similar name there is nothing to suggest."""
    settings.OAUTH_SERVICE_XYZZY = 1
    [message] = check_names(None)
    assert message.hint == "All settings: see the page “settings” of the documentation."


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ISSUER", b"https://id.example", "a str"),
        ("ISSUER", None, "a str"),
        ("ACCESS_TOKEN_LIFETIME", 3600, "a timedelta"),
        ("SCOPES", ["user"], "a dict of str to str"),
        ("SCOPES", {"user": 1}, "a dict of str to str"),
        ("SCOPES", {1: "user"}, "a dict of str to str"),
        ("TOKEN_KEY", b"k" * 32, "a str"),
        ("TOKEN_KEY_FALLBACKS", "k" * 32, "a list of str or a tuple of str"),
        ("TOKEN_KEY_FALLBACKS", [b"k" * 32], "a list of str or a tuple of str"),
        ("SIGNING_ALGORITHMS", "RS256", "a list of str or a tuple of str"),
        ("SIGNING_ALGORITHMS", [("RS256", "x")], "a list of str or a tuple of str"),
        ("SIGNING_KEYS", "-----BEGIN", "a list or tuple of str, or of pairs of str"),
        ("SIGNING_KEYS", [("RS256",)], "a list or tuple of str, or of pairs of str"),
        ("SIGNING_KEYS", [("RS256", b"x")], "a list or tuple of str, or of pairs of str"),
        ("REQUEST_BODY_LIMIT", "65536", "a int"),
        ("REQUEST_BODY_LIMIT", True, "a int"),
    ],
)
def test_a_value_of_the_wrong_type_is_an_error(settings: Settings, name: str, value: Any, words: str) -> None:
    """The server must not start and then fail at the first request that needs the value."""
    setattr(settings, f"OAUTH_SERVICE_{name}", value)
    [message] = check_values(None)
    assert (message.id, message.msg) == ("oauth_service.E002", f"OAUTH_SERVICE_{name} must be {words}.")


@pytest.mark.parametrize(("name", "value"), [("ISSUER", None), ("ACCESS_TOKEN_LIFETIME", 3600)])
def test_checking_a_deployment_survives_a_value_of_the_wrong_type(safe: Settings, name: str, value: Any) -> None:
    """E002 describes the mistake, and a traceback would hide it."""
    setattr(safe, f"OAUTH_SERVICE_{name}", value)
    assert ids(check_deployment) == []


@pytest.mark.parametrize(("seconds", "expected"), [(60, []), (61, ["E005"])])
def test_a_retry_window_is_half_of_an_access_tokens_life_at_most(
    settings: Settings, seconds: int, expected: list[str]
) -> None:
    """A longer window would not be respected, so setting one is an error; the default adjusts itself."""
    settings.OAUTH_SERVICE_ACCESS_TOKEN_LIFETIME = timedelta(minutes=2)
    settings.OAUTH_SERVICE_REFRESH_RETRY_WINDOW = timedelta(seconds=seconds)
    assert ids(check_values) == expected
    del settings.OAUTH_SERVICE_REFRESH_RETRY_WINDOW
    settings.OAUTH_SERVICE_ACCESS_TOKEN_LIFETIME = timedelta(minutes=1)
    assert ids(check_values) == []


def test_a_cache_that_keeps_nothing_counts_nothing(settings: Settings) -> None:
    """Django's dummy cache is for development. A missing limit must not go unnoticed."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    assert ids(check_values) == ["E018"]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("AUTHORIZATION_CODE_LIFETIME", timedelta(0), ["E004"]),
        ("ACCESS_TOKEN_LIFETIME", timedelta(milliseconds=999), ["E003"]),
        ("ID_TOKEN_LIFETIME", timedelta(0), ["E003"]),
        ("PAIRWISE_KEY", "k" * 31, ["E008"]),
        ("PAIRWISE_KEY", "k" * 32, []),
        ("AUTHENTICATION_EVENT", "oauth_service.claims.claims_of", []),
        ("AUTHENTICATION_EVENT", "oauth_service.claims.nothing", ["E023"]),
        ("EXCHANGE_POLICY", "oauth_service.claims.claims_of", []),
        ("EXCHANGE_POLICY", "oauth_service.claims.nothing", ["E034"]),
        ("EXCHANGE_USER", "oauth_service.claims.claims_of", []),
        ("EXCHANGE_USER", "oauth_service.claims.nothing", ["E034"]),
        ("JWT_BEARER_USER", "tests.jwt_bearer.actors.user_of", []),
        ("JWT_BEARER_USER", "tests.jwt_bearer.actors.IDP", ["E025"]),
        ("JWT_BEARER_USER", "tests.jwt_bearer.actors.nothing", ["E025"]),
        ("ACR", "urn:mace:incommon:iap:silver", []),
        ("ACR", "1 2", ["E023"]),
        ("ACR", " ", ["E023"]),
        ("STEP_UP_URLS", {"gold": "/second-factor/"}, []),
        ("STEP_UP_URLS", {"": "/second-factor/"}, ["E023"]),
        ("REFRESH_TOKEN_LIFETIME", timedelta(seconds=-1), ["E003"]),
        ("REFRESH_TOKEN_LIFETIME", timedelta(minutes=59), ["E010"]),
        ("REFRESH_TOKEN_LIFETIME", None, []),
        ("AUDIT_LIFETIME", timedelta(0), []),
        ("AUDIT_LIFETIME", timedelta(microseconds=-1), ["E003"]),
        ("AUTHORIZATION_CODE_LIFETIME", timedelta(minutes=10), []),
        ("AUTHORIZATION_CODE_LIFETIME", timedelta(minutes=10, seconds=1), ["E004"]),
        ("REFRESH_RETRY_WINDOW", timedelta(0), []),
        ("REFRESH_RETRY_WINDOW", timedelta(seconds=-1), ["E005"]),
        ("REFRESH_RETRY_WINDOW", timedelta(minutes=10), []),
        ("REFRESH_RETRY_WINDOW", timedelta(minutes=11), ["E005"]),
        ("CONNECTION_LIFETIME", None, []),
        ("CONNECTION_LIFETIME", timedelta(hours=1), []),
        ("CONNECTION_LIFETIME", timedelta(minutes=59), ["E010"]),
        ("CONNECTION_LIFETIME", timedelta(seconds=-1), ["E010"]),
        ("CONNECTION_LIFETIME", timedelta.max, ["E010"]),
        ("SIGNING_ALGORITHMS", ["RS256"], []),
        ("SIGNING_ALGORITHMS", ["ES256"], ["E022"]),
        ("SIGNING_ALGORITHMS", ["RS256", "HS256"], ["E022"]),
        ("SIGNING_ALGORITHMS", [], ["E022"]),
        ("SIGNING_KEY_LIFETIME", None, []),
        ("SIGNING_KEY_LIFETIME", timedelta(days=2), []),
        ("SIGNING_KEY_LIFETIME", timedelta(days=1), ["E022"]),
        ("SIGNING_KEY_LIFETIME", timedelta(days=-1), ["E022"]),
        ("SIGNING_KEY_LIFETIME", timedelta.max, ["E022"]),
        ("ISSUER", "https://id.example/tenant", []),
        ("ISSUER", "http://[::1]:8000", []),
        ("ISSUER", "id.example", ["E006"]),
        ("ISSUER", "https://", ["E006"]),
        ("ISSUER", "https://id.example/", ["E006"]),
        ("ISSUER", "https://id.example?tenant=1", ["E006"]),
        ("ISSUER", "https://id.example#here", ["E006"]),
        ("ISSUER", "https://someone@id.example", ["E006"]),
        ("ISSUER", "http://id.example", ["E006"]),
        ("ISSUER", "https://[id.example", ["E006"]),
        ("ISSUER", "https://id.example:port", ["E006"]),
        ("SCOPES", {}, ["E007"]),
        ("SCOPES", {"two words": "…"}, ["E007"]),
        ("SCOPES", {"": "…"}, ["E007"]),
        ("SCOPES", {" user": "…"}, ["E007"]),
        ("SCOPES", {'quo"ted': "…"}, ["E007"]),
        ("TOKEN_KEY", "k" * 32, []),
        ("TOKEN_KEY", "k" * 31, ["E008"]),
        ("TOKEN_KEY_FALLBACKS", ["k" * 32], ["E008"]),  # the key that they belong to is not set
        ("TOKEN_KEY_FALLBACKS", ["k" * 32, "k" * 31], ["E008", "E008"]),
        ("TOKEN_KEY_FALLBACKS", [""], ["E008", "E008"]),
        ("CLAIMS", "oauth_service.claims.nothing", ["E009"]),
        ("CLAIMS", "oauth_service.conf.PREFIX", ["E009"]),
        ("ACCESS_TOKEN_LIFETIME", timedelta(days=30), []),
        ("ACCESS_TOKEN_LIFETIME", timedelta(days=31), ["E010"]),
        ("REQUEST_BODY_LIMIT", 1024, []),
        ("REQUEST_BODY_LIMIT", 1023, ["E011"]),
        ("REQUEST_BODY_LIMIT", 2_621_440, []),
        ("REQUEST_BODY_LIMIT", 2_621_441, ["E011"]),
        ("FAILURE_LIMIT", 1, []),
        ("REGISTRATION", "everybody", ["E026"]),
        ("REGISTRATION", "open", []),
        ("REGISTRATION", "token", []),
        ("REGISTRATION_SCOPES", ("two words",), ["E026"]),
        ("REGISTRATION_LIMIT", 0, ["E026"]),
        ("KNOWN_CLIENT_HOSTS", ["app.example", "localhost", "1.2.3.4"], []),
        ("KNOWN_CLIENT_HOSTS", ["https://app.example"], ["E035"]),
        ("KNOWN_CLIENT_HOSTS", ["App.example"], ["E035"]),
        ("KNOWN_CLIENT_HOSTS", ["app.example:443"], ["E035"]),
        ("KNOWN_CLIENT_HOSTS", ["app.example/path"], ["E035"]),
        ("KNOWN_CLIENT_HOSTS", [""], ["E035"]),
        ("KNOWN_CLIENT_HOSTS", ["["], ["E035"]),
        ("CHOOSE_SCOPES", "always", []),
        ("CHOOSE_SCOPES", "sometimes", ["E035"]),
        ("REQUIRED_SCOPES", ["user"], []),
        ("REQUIRED_SCOPES", ["two words"], ["E035"]),
        ("ACTION_SCOPES", ["orders:write", "not:among:the:scopes"], []),  # a resource may have it
        ("ACTION_SCOPES", ["two words"], ["E035"]),
        ("SUPPORT_CONTACT", "mailto:help@example.com", []),
        ("SUPPORT_CONTACT", "https://example.com/help?from=oauth", []),
        ("SUPPORT_CONTACT", "http://localhost:8000/help", []),
        ("SUPPORT_CONTACT", "help@example.com", ["E036"]),
        ("SUPPORT_CONTACT", "mailto:", ["E036"]),
        ("SUPPORT_CONTACT", "mailto:help@example.com?subject=Help", ["E036"]),
        ("SUPPORT_CONTACT", "mailto:a@example.com,b@example.com", ["E036"]),
        ("SUPPORT_CONTACT", "http://example.com/help", ["E036"]),
        ("SUPPORT_CONTACT", "https://user@example.com/", ["E036"]),
        ("SUPPORT_CONTACT", "javascript:alert(1)", ["E036"]),
        ("SUPPORT_CONTACT", "https://[", ["E036"]),
        ("SUPPORT_CONTACT", "/help", ["E036"]),
        ("REGISTRATION_MOST_WAITING", 0, ["E026"]),
        ("REGISTRATION_LIFETIME", timedelta(minutes=59), ["E026"]),
        ("CLIENT_ID_METADATA_DOCUMENTS", True, []),
        ("CLIENT_ID_METADATA_DOCUMENTS", "yes", ["E002"]),
        ("CLIENT_ID_METADATA_ALLOWED_HOSTS", ["app.example", ".app.example", "*", "localhost"], []),
        ("CLIENT_ID_METADATA_ALLOWED_HOSTS", ["https://app.example"], ["E027"]),
        ("CLIENT_ID_METADATA_ALLOWED_HOSTS", ["app.example:443"], ["E027"]),
        ("CLIENT_ID_METADATA_BLOCKED_HOSTS", ["*.app.example"], ["E027"]),
        ("CLIENT_ID_METADATA_BLOCKED_HOSTS", ["App.example"], ["E027"]),
        ("CLIENT_ID_METADATA_BLOCKED_HOSTS", ("",), ["E027"]),
        ("FAILURE_LIMIT", 0, ["E017"]),
        ("FAILURE_LIMIT", 1000, []),
        ("FAILURE_LIMIT", 1001, ["E017"]),
        ("FAILURE_WINDOW", timedelta(seconds=1), []),
        ("FAILURE_WINDOW", timedelta(milliseconds=999), ["E017"]),
        ("FAILURE_WINDOW", timedelta(days=1), []),
        ("FAILURE_WINDOW", timedelta(days=1, seconds=1), ["E017"]),
        ("THROTTLE_CACHE", "nowhere", ["E018"]),
        ("TRUSTED_PROXIES", ["10.0.0.0/8", "2001:db8::1", "unix"], []),
        ("TRUSTED_PROXIES", [], []),
        ("TRUSTED_PROXIES", ["10.0.0.1/8"], ["E032"]),
        ("TRUSTED_PROXIES", ["proxy.internal"], ["E032"]),
        ("TRUSTED_PROXIES", ["0.0.0.0/0"], ["E032"]),
        ("TRUSTED_PROXIES", ["::/0"], ["E032"]),
    ],
)
def test_a_value_that_no_deployment_may_have(settings: Settings, name: str, value: Any, expected: list[str]) -> None:
    """The test tries each rule on both sides of its limit."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440  # Django's own default; this site has a smaller one
    setattr(settings, f"OAUTH_SERVICE_{name}", value)
    assert ids(check_values) == expected


def test_the_body_may_be_of_any_length_where_django_does_not_limit_it(settings: Settings) -> None:
    """None switches off Django's own limit."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = None
    settings.OAUTH_SERVICE_REQUEST_BODY_LIMIT = 10_000_000
    assert ids(check_values) == []


@pytest.mark.parametrize(
    "path",
    [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
)
def test_missing_middleware_is_an_error(settings: Settings, path: str) -> None:
    """Without this middleware users cannot sign in, or other sites can press Revoke."""
    settings.MIDDLEWARE = [each for each in django_settings.MIDDLEWARE if each != path]
    assert [(message.id, message.msg) for message in check_surroundings(None)] == [
        ("oauth_service.E012", f"MIDDLEWARE lacks {path}.")
    ]


def test_a_subclass_of_the_middleware_will_do(settings: Settings) -> None:
    """Projects adapt Django's own middleware."""
    settings.MIDDLEWARE = [
        f"{__name__}.OwnCsrf" if each.endswith("CsrfViewMiddleware") else each for each in django_settings.MIDDLEWARE
    ]
    assert ids(check_surroundings) == []


def test_naive_moments_are_an_error(settings: Settings) -> None:
    """Naive moments cannot be compared with the aware ones in tokens, so every request would fail."""
    settings.USE_TZ = False
    assert ids(check_surroundings) == ["E013"]


def test_templates_that_are_not_found_are_an_error(settings: Settings) -> None:
    """A project easily forgets APP_DIRS, and every page would fail."""
    settings.TEMPLATES = [{**django_settings.TEMPLATES[0], "APP_DIRS": False}]
    assert ids(check_surroundings) == ["E014"]


@pytest.mark.parametrize(
    "path", ["django.contrib.auth.context_processors.auth", "django.template.context_processors.request"]
)
def test_a_missing_context_processor_is_an_error(settings: Settings, path: str) -> None:
    """The consent page must show which user is signed in."""
    templates: dict[str, Any] = dict(django_settings.TEMPLATES[0])
    processors = [each for each in templates["OPTIONS"]["context_processors"] if each != path]
    settings.TEMPLATES = [{**templates, "OPTIONS": {"context_processors": processors}}]
    [message] = check_surroundings(None)
    assert (message.id, message.msg) == ("oauth_service.E014", f"TEMPLATES lacks the context processors {path}.")


def test_urls_that_are_not_included_are_an_error(settings: Settings) -> None:
    """A project may install the app and forget its URLs."""
    settings.ROOT_URLCONF = ()
    [message] = check_surroundings(None)
    assert (message.id, message.msg) == ("oauth_service.E015", "The URLs of oauth_service are not included.")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("oauth_service:login", []),
        ("/login/", []),
        ("/admin/login", []),
        ("/admin/login/?next=/", []),
        ("https://login.example/", []),
        ("oauth_service:sign_in", ["E015"]),
        ("/accounts/login/", ["E015"]),
    ],
)
def test_a_login_url_that_leads_nowhere_is_an_error(settings: Settings, url: str, expected: list[str]) -> None:
    """Django's default, /accounts/login/, is a page that most projects do not have."""
    settings.LOGIN_URL = url
    assert ids(check_surroundings) == expected


@pytest.mark.parametrize(
    ("url", "expected"), [("/login/", []), ("oauth_service:login", []), ("/nothing/", ["E023"]), ("no:such", ["E023"])]
)
def test_a_step_up_page_that_leads_nowhere_is_an_error(settings: Settings, url: str, expected: list[str]) -> None:
    """Users would end on an error page instead of a stronger sign-in."""
    settings.OAUTH_SERVICE_STEP_UP_URLS = {"gold": url}
    assert ids(check_surroundings) == expected


def test_a_login_url_without_its_slash_leads_where_django_redirects(settings: Settings) -> None:
    """APPEND_SLASH adds it."""
    settings.ROOT_URLCONF = (*server_urls, path("accounts/login/", server_error))
    settings.LOGIN_URL = "/accounts/login"
    assert ids(check_surroundings) == []


@pytest.mark.parametrize("policy", ["no-referrer", ["no-referrer"]])
def test_a_referrer_policy_that_breaks_the_csrf_check_is_told(settings: Settings, policy: Any) -> None:
    """Browsers send `Origin: null` under such a policy, which Django refuses."""
    settings.SECURE_REFERRER_POLICY = policy
    assert ids(check_surroundings) == ["W006"]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("OAUTH_SERVICE_ISSUER", "", ["W001"]),
        ("OAUTH_SERVICE_ISSUER", "http://id.example", ["W002"]),
        ("OAUTH_SERVICE_ISSUER", "https://id.example:8443", []),
        ("SESSION_COOKIE_SECURE", False, ["W003"]),
        ("CSRF_COOKIE_SECURE", False, ["W003"]),
        ("ALLOWED_HOSTS", ["*"], ["W004"]),
        ("OAUTH_SERVICE_ACCESS_TOKEN_LIFETIME", timedelta(days=1), []),
        ("OAUTH_SERVICE_ACCESS_TOKEN_LIFETIME", timedelta(days=1, seconds=1), ["W005"]),
        ("ALLOWED_HOSTS", [".example"], []),
        ("ALLOWED_HOSTS", ["www.example"], ["W007"]),
        ("SECURE_SSL_REDIRECT", False, ["W008"]),
        ("OAUTH_SERVICE_OUTBOUND_LOOPBACK", True, ["W015"]),
        ("OAUTH_SERVICE_REGISTRATION", "open", ["W016"]),
        ("OAUTH_SERVICE_REGISTRATION", "token", []),
        ("OAUTH_SERVICE_CLIENT_ID_METADATA_DOCUMENTS", True, ["W016"]),
        ("SECRET_KEY", "k" * 31, ["E019"]),
        ("SECRET_KEY", "k" * 32, []),
    ],
)
def test_a_deployment_that_wants_something(safe: Settings, name: str, value: Any, expected: list[str]) -> None:
    """A single setting at a time is wrong, and the others are right."""
    setattr(safe, name, value)
    assert ids(check_deployment) == expected


def test_a_short_secret_key_that_seals_nothing_is_djangos_to_judge(safe: Settings) -> None:
    """No code or token depends on SECRET_KEY if there is a separate token key."""
    safe.SECRET_KEY = "k" * 31
    safe.OAUTH_SERVICE_TOKEN_KEY = "t" * 32
    assert ids(check_deployment) == []


SECRETS = (
    "SECRET_KEY",
    *(setting.name for setting in conf.ALL if re.search(r"_(KEY|SECRET)(_FALLBACKS)?$", setting.name)),
)


@pytest.mark.parametrize(("first", "second"), list(combinations(SECRETS, 2)))
def test_one_secret_under_two_names(safe: Settings, first: str, second: str) -> None:
    """Separate keys must be different: otherwise one leak loses both."""
    safe.OAUTH_SERVICE_TOKEN_KEY = "t" * 32
    for name in (first, second):
        setattr(safe, name, ["s" * 32] if name.endswith("FALLBACKS") else "s" * 32)
    assert ids(check_deployment) == ["W040"]


def test_a_secret_key_of_before_counts_as_well(safe: Settings) -> None:
    """Removing an old SECRET_KEY from the fallbacks also removes it from those of tokens."""
    safe.SECRET_KEY_FALLBACKS = ["o" * 32]
    safe.OAUTH_SERVICE_TOKEN_KEY, safe.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = "t" * 32, ["o" * 32]
    [message] = check_deployment(None)
    assert (message.id, "when oauth_doctor says" in str(message.hint)) == ("oauth_service.W040", True)


def test_a_view_that_no_token_can_ever_open(safe: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scope is missing in the setting, or misspelt in the view."""
    monkeypatch.setattr(requirement, "_asked", {"": {"profile", "prescripitons"}, "urn:example:api": {"pills"}})
    [message] = check_surroundings(None)
    assert (message.id, "lacks: prescripitons." in message.msg) == ("oauth_service.W010", True)


@pytest.mark.parametrize(("mode", "expected"), [("IMMEDIATE", []), ("DEFERRED", ["W009"]), (None, ["W009"])])
def test_sqlite_with_transactions_that_begin_as_readers(
    safe: Settings, monkeypatch: pytest.MonkeyPatch, mode: str | None, expected: list[str]
) -> None:
    """Two simultaneous consents would fail with “database is locked”."""
    monkeypatch.setattr(connection, "vendor", "sqlite")
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"transaction_mode": mode})
    assert ids(check_deployment) == expected


@pytest.mark.parametrize(
    ("name", "value", "number"),
    [
        ("OAUTH_SERVICE_ISUER", "https://id.example", "E001"),
        ("OAUTH_SERVICE_ISSUER", "http://id.example", "E006"),
        ("USE_TZ", False, "E013"),
    ],
)
def test_an_error_stops_every_command(settings: Settings, name: str, value: Any, number: str) -> None:
    """Django runs the app's checks before migrate, runserver and other commands."""
    setattr(settings, name, value)
    with pytest.raises(SystemCheckError, match=rf"oauth_service\.{number}"):
        call_command("check")


@pytest.mark.parametrize("deploy", [False, True])
def test_what_production_needs_is_asked_of_a_deployment_only(settings: Settings, deploy: bool) -> None:
    """A developer's machine has only http."""
    found = checks.run_checks(include_deployment_checks=deploy)
    assert ("oauth_service.W002" in {message.id for message in found}) == deploy


def test_the_servers_own_site_passes_as_a_deployment(tmp_path: Any) -> None:
    """`check --deploy --fail-level WARNING` succeeds with only the secrets and the name set."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "STATE_DIR": str(tmp_path),
        "DEBUG": "0",
        "SECRET_KEY": "not-a-secret-but-long-enough-0123456789-abcdefghijklmnop",
        "ALLOWED_HOSTS": "id.example",
        "OAUTH_SERVICE_ISSUER": "https://id.example",
    }
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING", "--tag", "security"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "oauth_service." in line]
    assert (ours, "System check identified" in done.stdout + done.stderr) == ([], True)


# -- OpenID Connect ----------------------------------------------------------------------------------------------------

_EC = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
_RSA = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    .decode()
)


@pytest.fixture
def openid(settings: Settings) -> Settings:
    """A server that is an OpenID Provider."""
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are", "user": "Your name"}
    return settings


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ([_EC, _RSA], []),
        ([("PS256", _RSA)], []),
        (["nonsense"], ["key 1: it is not a private key in PEM format."]),
        ([_EC, ("RS256", _EC)], ["key 2: it is not for RS256, but for ES256."]),
        ([_RSA, ("PS256", _RSA)], ["key 2 is listed already."]),
    ],
)
def test_keys_of_the_settings_are_looked_at(openid: Settings, keys: list[Any], words: list[str]) -> None:
    """The message names a key by its position, never by its text."""
    openid.OAUTH_SERVICE_SIGNING_KEYS = keys
    found = check_values(None)
    assert [message.id for message in found] == ["oauth_service.E022"] * len(words)
    assert [message.msg.removeprefix("OAUTH_SERVICE_SIGNING_KEYS: ") for message in found] == words


class NoSigner:
    """A class that cannot sign."""


@pytest.mark.parametrize("path", ["tests.nowhere.Signer", "nonsense", "tests.test_checks.NoSigner", "os.path.sep"])
def test_a_signer_that_is_none_is_an_error(openid: Settings, path: str) -> None:
    """The server must not start and fail at the first sign-in. The check does not contact a key service."""
    openid.OAUTH_SERVICE_SIGNER = path
    assert ids(check_values) == ["E022"]


def test_a_signer_that_is_away_is_no_fault_of_the_settings(openid: Settings) -> None:
    """A server must be able to start without its key service."""
    openid.OAUTH_SERVICE_SIGNER = "tests.endpoints.test_jwks.Away"
    assert ids(check_values) == []
    openid.OAUTH_SERVICE_SIGNING_KEYS = [_EC]
    assert ids(check_values) == ["E022"]


@pytest.mark.parametrize("missing", ["joserfc", "cryptography"])
def test_openid_connect_without_its_libraries_is_an_error(
    openid: Settings, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the extra to install. Without the scope the extra is not needed."""
    monkeypatch.setattr("oauth_service.checks.find_spec", lambda name: None if name == missing else object())
    [message] = check_values(None)
    assert (message.id, missing in message.msg, "`oidc`" in str(message.hint)) == ("oauth_service.E021", True, True)
    openid.OAUTH_SERVICE_SCOPES = {"user": "Your name"}
    assert ids(check_values) == []
