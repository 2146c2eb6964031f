"""System checks of the host project: its middleware, URLs and settings must not break our endpoints."""

import re
from collections.abc import Iterator
from inspect import unwrap
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware, LoginRequiredMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, Resolver404, URLResolver, get_resolver, get_script_prefix, resolve, reverse
from django.utils import translation
from django.utils.module_loading import import_string

from . import conf, documentation
from .protocol import protected_resource
from .resources import frameworks
from .resources.requirement import resources_asked

Finding = tuple[str, str, str]  # id, sentence, hint

# The middleware on the left needs what the one on the right puts on the request.
AFTER: tuple[tuple[type, type], ...] = (
    (AuthenticationMiddleware, SessionMiddleware),
    (MessageMiddleware, SessionMiddleware),
    (LoginRequiredMiddleware, AuthenticationMiddleware),
)
# Pages that have a form, receive one, or depend on the signed-in user: they need the cookies.
PAGES = ("authorise", "deauthorise", "login", "logout", "manage_apps", "signed_out")
FOR_BROWSER_APPS = ("token", "userinfo", "revoke", "discovery", "jwks")

SHADOWED_HINT = (
    'Include oauth_service.urls under a prefix, path("o/", include("oauth_service.urls")), with oauth_service.well_known at the '
    "root; or put the one that you want first, and silence this check."
)
CORS = "corsheaders.middleware.CorsMiddleware"
NINJA = "ninja.operation"
STRONGHOLD = "stronghold.middleware.LoginRequiredMiddleware"


def findings() -> Iterator[Finding]:
    """All findings, those of E012 first."""
    yield from _faults_of_order()
    try:
        paths = {name: reverse(f"oauth_service:{name}") for name in (*PAGES, *FOR_BROWSER_APPS)}
    except NoReverseMatch:
        return  # E015 reports it
    yield from _faults_of_mounting()
    yield from _faults_of_metadata()
    yield from _faults_of_resource_metadata()
    yield from _faults_of_login_view()
    yield from _faults_of_ninja()
    yield from _faults_of_others_middleware(paths)
    yield from _faults_of_cookies(paths)
    yield from _faults_of_settings()


def _installed() -> list[tuple[str, Any]]:
    return [(path, import_string(path)) for path in settings.MIDDLEWARE]


def _position(wanted: type) -> int | None:
    for position, (_path, middleware) in enumerate(_installed()):
        if isinstance(middleware, type) and issubclass(middleware, wanted):
            return position
    return None


def _faults_of_order() -> Iterator[Finding]:
    after = list(AFTER)
    if settings.CSRF_USE_SESSIONS:
        after.append((CsrfViewMiddleware, SessionMiddleware))
    for later, earlier in after:
        here, there = _position(later), _position(earlier)
        if here is not None and there is not None and here < there:
            yield (
                "E012",
                f"MIDDLEWARE has {settings.MIDDLEWARE[here]} before {settings.MIDDLEWARE[there]}, which it needs.",
                "Change their order.",
            )


def _faults_of_mounting() -> Iterator[Finding]:
    for route, view in _routes(get_resolver()):
        if "<" in route or "(" in route:
            continue  # a pattern with arguments matches many addresses
        found = _view_at(f"/{route}")
        if found is None or _is_same(found, view):
            continue
        if _is_ours(view):
            yield (
                "W013",
                f"/{route} of oauth_service is answered by {_name(found)}, which comes first in the URLconf.",
                SHADOWED_HINT,
            )
        elif _is_ours(found):
            yield (
                "W013",
                f"/{route} of {_name(view)} is answered by oauth_service, whose URLs come first.",
                SHADOWED_HINT,
            )
    if settings.USE_I18N and len(set(map(_token_path_in, dict(settings.LANGUAGES)))) > 1:
        yield (
            "W013",
            "oauth_service.urls are within i18n_patterns(): the endpoints have other addresses in each language.",
            "Include them outside it. Clients store the addresses of the metadata.",
        )


def _faults_of_metadata() -> Iterator[Finding]:
    if not isinstance(conf.ISSUER(), str) or get_script_prefix() != "/":
        return  # below a prefix of the web server, which then answers at the root itself
    path = urlsplit(conf.ISSUER()).path
    wanted = [f"/.well-known/oauth-authorization-server{path}"]
    if conf.is_openid():
        wanted.append(f"{path}/.well-known/openid-configuration")
    for address in wanted:
        if not _is_ours(_view_at(address)):
            yield (
                "W014",
                f"Clients look for the metadata of the issuer at {address}, but it is not there.",
                'Add path("", include("oauth_service.well_known")) to the root URLconf, first of all (RFC 8414 section 3.1).',
            )


def _faults_of_resource_metadata() -> Iterator[Finding]:
    if get_script_prefix() != "/":
        return
    for identifier in sorted(resources_asked()):
        address = urlsplit(protected_resource.metadata_url(identifier)).path
        if address and not _is_ours(_view_at(address)):
            yield (
                "W051",
                f"A view belongs to {identifier}, whose metadata clients look for at {address}, but it is not there.",
                'Add path("", include("oauth_service.well_known")) to the root URLconf, first of all (RFC 9728 section 3.1).',
            )


def _routes(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every view with its address below the root. Addresses with arguments are given as their patterns."""
    for each in resolver.url_patterns:
        route = prefix + str(each.pattern).removeprefix("^").removesuffix("$").removesuffix("\\Z")
        if isinstance(each, URLResolver):
            yield from _routes(each, route)
        else:
            yield route, each.callback


def _view_at(path: str) -> Any:
    """The view that Django finds at a path, or None."""
    try:
        return resolve(path).func
    except Resolver404:
        return None


def _is_ours(view: Any) -> bool:
    return str(getattr(view, "__module__", "")).startswith(f"{__package__}.endpoints.")


def _is_same(one: Any, other: Any) -> bool:
    # A project may wrap a view of ours, for example to ask for a second factor, and put it before ours.
    return unwrap(one) is unwrap(other)


def _name(view: Any) -> str:
    named = getattr(view, "view_class", view)  # as_view() returns a function that has no name of its own
    return f"{getattr(named, '__module__', '')}.{getattr(named, '__qualname__', type(named).__name__)}"


def _token_path_in(language: str) -> str:
    with translation.override(language):
        return reverse("oauth_service:token")


def _faults_of_login_view() -> Iterator[Finding]:
    if _position(LoginRequiredMiddleware) is None:
        return
    try:
        target = urlsplit(resolve_url(settings.LOGIN_URL))
        view: Any = resolve("/" + target.path.removeprefix(get_script_prefix())).func
    except (NoReverseMatch, Resolver404):
        return  # E015 reports it
    if not target.netloc and getattr(view, "login_required", True):
        yield (
            "E020",
            f"LOGIN_URL {str(settings.LOGIN_URL)!r} leads to a view that itself requires a sign-in.",
            'Put login_not_required on that view, or set LOGIN_URL to "oauth_service:login".',
        )


def _faults_of_ninja() -> Iterator[Finding]:
    # django-ninja makes one view of all operations of a path, and the only mark it copies is csrf_exempt.
    if _position(LoginRequiredMiddleware) is None or not frameworks.guarded_operations:
        return
    names = ", ".join(sorted(frameworks.guarded_operations))
    if any(
        view.__module__ == NINJA and getattr(view, "login_required", True) for _route, view in _routes(get_resolver())
    ):
        yield (
            "W011",
            f"LoginRequiredMiddleware asks for a session before protect sees the token of {names}.",
            f"Call login_not_required() for the callback of each django-ninja URL pattern. See {documentation.page('protect')}.",
        )


def _faults_of_others_middleware(paths: dict[str, str]) -> Iterator[Finding]:
    names = [path for path, _middleware in _installed()]
    if STRONGHOLD in names:
        public = getattr(settings, "STRONGHOLD_PUBLIC_URLS", ())
        if closed := [path for path in paths.values() if not any(re.match(each, path) for each in public)]:
            yield (
                "W011",
                f"{STRONGHOLD} asks for a sign-in at {', '.join(closed)}.",
                "Add them to STRONGHOLD_PUBLIC_URLS: clients have no session, and the pages ask for a sign-in themselves.",
            )
    if CORS in names and not getattr(settings, "CORS_ALLOW_ALL_ORIGINS", False):
        regex = getattr(settings, "CORS_URLS_REGEX", r"^.*$")
        if taken := [paths[name] for name in FOR_BROWSER_APPS if re.match(regex, paths[name])]:
            yield (
                "W011",
                f"{CORS} answers preflight requests to {', '.join(taken)} instead of oauth_service.",
                "Set CORS_URLS_REGEX to your own URLs. These endpoints admit any origin and ignore cookies.",
            )


def _faults_of_cookies(paths: dict[str, str]) -> Iterator[Finding]:
    host = urlsplit(conf.ISSUER()).hostname if isinstance(conf.ISSUER(), str) else None
    for kind in ("SESSION", "CSRF"):
        path, domain = getattr(settings, f"{kind}_COOKIE_PATH"), getattr(settings, f"{kind}_COOKIE_DOMAIN")
        if outside := [paths[name] for name in PAGES if not _is_within(paths[name], path)]:
            yield (
                "W012",
                f"{kind}_COOKIE_PATH {path!r} does not cover {', '.join(outside)}.",
                "The pages share one session: set it to a path that contains all of them.",
            )
        if host and domain and not f".{host}".endswith(f".{domain.removeprefix('.')}"):
            yield (
                "W012",
                f"{kind}_COOKIE_DOMAIN {domain!r} does not cover {host}, the host of {conf.ISSUER.name}.",
                "Browsers reject such a cookie, and users cannot sign in.",
            )
    if settings.SESSION_COOKIE_SAMESITE == "Strict":
        yield (
            "W012",
            'SESSION_COOKIE_SAMESITE is "Strict": users who come from an app\'s site arrive without their session.',
            'Use "Lax". Otherwise users have to sign in again each time an app sends them.',
        )


def _is_within(path: str, cookie_path: str) -> bool:
    # RFC 6265 section 5.1.4
    return path == cookie_path or path.startswith(f"{cookie_path.rstrip('/')}/")


def _faults_of_settings() -> Iterator[Finding]:
    host = urlsplit(conf.ISSUER()).hostname if isinstance(conf.ISSUER(), str) else None
    if settings.PREPEND_WWW and host and not host.startswith("www."):
        yield (
            "W012",
            f"PREPEND_WWW sends every request away from {host}, the host of {conf.ISSUER.name}.",
            "A POST loses its body on the way: give the issuer the www., or turn PREPEND_WWW off.",
        )
    if settings.DEFAULT_CHARSET.lower() not in ("utf-8", "utf8"):
        yield (
            "W012",
            f"DEFAULT_CHARSET is {settings.DEFAULT_CHARSET!r}: browsers send the forms of our pages in it.",
            'OAuth parameters are UTF-8 (RFC 6749 Appendix B). Use "utf-8".',
        )
