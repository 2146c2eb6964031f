"""System checks: unknown or unsafe settings stop the start; `check --deploy` adds what production needs."""

from collections.abc import Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 - Django's own name
from django.utils.module_loading import import_string

from . import conf
from .protocol import redirect_uri, scope
from .protocol.errors import InvalidScope

LONGEST_CODE_LIFETIME = timedelta(minutes=10)
LONGEST_SAFE_ACCESS_TOKEN_LIFETIME = timedelta(days=1)
LONGEST_SAFE_RETRY_WINDOW = timedelta(minutes=10)
SHORTEST_TOKEN_KEY = 32

Apps = Sequence[AppConfig] | None


def register_all() -> None:
    """Register every check of this module with Django."""
    register(check_names, "security")
    register(check_values, "security")
    register(check_deployment, "security", deploy=True)


def check_names(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """E001: a setting with our prefix that does not exist: a typing error must not switch a protection off."""
    known = {setting.name for setting in conf.ALL}
    unknown = sorted(name for name in dir(settings) if name.startswith(conf.PREFIX) and name not in known)
    return [
        Error(
            f"{name} is not a setting of oauth_service.",
            hint=f"Did you mean {close[0]}?"
            if (close := get_close_matches(name, known, n=1))
            else "See docs/settings.md.",
            id="oauth_service.E001",
        )
        for name in unknown
    ]


def check_values(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """E002-E009: values of the wrong type, or that no deployment may have."""
    mistyped = [setting for setting in conf.ALL if not isinstance(setting(), setting.kind)]
    if mistyped:
        return [
            Error(f"{setting.name} must be of type {_name_of(setting.kind)}.", id="oauth_service.E002")
            for setting in mistyped
        ]
    lifetimes = (conf.AUTHORIZATION_CODE_LIFETIME, conf.ACCESS_TOKEN_LIFETIME, conf.REFRESH_TOKEN_LIFETIME)
    found: list[CheckMessage] = [
        Error(f"{lifetime.name} must be longer than zero.", id="oauth_service.E003")
        for lifetime in lifetimes
        if lifetime() <= timedelta(0)
    ]
    if conf.AUTHORIZATION_CODE_LIFETIME() > LONGEST_CODE_LIFETIME:
        found.append(
            Error(
                f"{conf.AUTHORIZATION_CODE_LIFETIME.name} must be ten minutes at most (RFC 6749 section 4.1.2).",
                id="oauth_service.E004",
            )
        )
    if not timedelta(0) <= conf.REFRESH_RETRY_WINDOW() <= LONGEST_SAFE_RETRY_WINDOW:
        found.append(
            Error(
                f"{conf.REFRESH_RETRY_WINDOW.name} must be between zero and ten minutes:"
                " for that long a stolen, just replaced refresh token still works.",
                id="oauth_service.E005",
            )
        )
    if fault := _fault_of_issuer(conf.ISSUER()):
        found.append(Error(f"{conf.ISSUER.name} {fault} (RFC 8414 section 2).", id="oauth_service.E006"))
    found += [
        Error(f"{conf.SCOPES.name}: {name!r} is not a scope name (RFC 6749 section 3.3).", id="oauth_service.E007")
        for name in conf.SCOPES()
        if not _is_one_scope(name)
    ]
    if any(0 < len(key) < SHORTEST_TOKEN_KEY for key in (conf.TOKEN_KEY(), *conf.TOKEN_KEY_FALLBACKS())):
        found.append(
            Error(f"{conf.TOKEN_KEY.name} must have {SHORTEST_TOKEN_KEY} characters or more.", id="oauth_service.E008")
        )
    try:
        import_string(conf.CLAIMS())
    except ImportError as fault_of_import:
        found.append(Error(f"{conf.CLAIMS.name}: {fault_of_import}.", id="oauth_service.E009"))
    return found


def check_deployment(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """W001-W005: what a server on the open network needs besides."""
    issuer = urlsplit(conf.ISSUER())
    findings = [
        (
            not conf.ISSUER(),
            f"{conf.ISSUER.name} is not set: the issuer is taken from each request's Host header.",
            "Set it to the https URL of this server.",
            "oauth_service.W001",
        ),
        (
            bool(conf.ISSUER()) and issuer.scheme != "https",
            f"{conf.ISSUER.name} is not an https URL.",
            "Codes and tokens travel to it; RFC 6749 section 3.2 requires TLS.",
            "oauth_service.W002",
        ),
        (
            not (settings.SESSION_COOKIE_SECURE and settings.CSRF_COOKIE_SECURE),
            "Session or CSRF cookies may travel without TLS.",
            "Set SESSION_COOKIE_SECURE and CSRF_COOKIE_SECURE.",
            "oauth_service.W003",
        ),
        (
            "*" in settings.ALLOWED_HOSTS,
            "ALLOWED_HOSTS accepts any host.",
            "Name the hosts of this server.",
            "oauth_service.W004",
        ),
        (
            conf.ACCESS_TOKEN_LIFETIME() > LONGEST_SAFE_ACCESS_TOKEN_LIFETIME,
            f"{conf.ACCESS_TOKEN_LIFETIME.name} is longer than a day.",
            "Refresh tokens are there to keep access tokens short-lived (RFC 9700 section 2.2).",
            "oauth_service.W005",
        ),
    ]
    return [Warning(message, hint=hint, id=number) for found, message, hint, number in findings if found]


def _fault_of_issuer(issuer: str) -> str:
    if not issuer:
        return ""
    parts = urlsplit(issuer)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        return "must be an absolute https URL"
    if parts.scheme == "http" and parts.hostname not in redirect_uri.LOOPBACK_HOSTS:
        return "must be https outside this machine"
    if parts.query or parts.fragment or issuer.endswith("/"):
        return "must have no query, no fragment and no trailing slash"
    return ""


def _is_one_scope(name: str) -> bool:
    try:
        return len(scope.parse(name)) == 1
    except InvalidScope:
        return False


def _name_of(kind: type | tuple[type, ...]) -> str:
    return " or ".join(one.__name__ for one in kind) if isinstance(kind, tuple) else kind.__name__
