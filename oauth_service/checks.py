"""System checks: unknown or unsafe settings keep the server from starting; `check --deploy` adds production's needs."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from importlib.util import find_spec
from itertools import combinations
from typing import Any
from urllib.parse import unquote, urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.cache import InvalidCacheBackendError, caches
from django.core.cache.backends.dummy import DummyCache
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 - Django's own name
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connections
from django.http.request import split_domain_port, validate_host
from django.shortcuts import resolve_url
from django.template import TemplateDoesNotExist
from django.template.backends.django import DjangoTemplates
from django.template.loader import get_template
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, resolve, reverse
from django.utils.encoding import force_bytes
from django.utils.functional import Promise
from django.utils.module_loading import import_string

from . import conf, database, database_checks, documentation, host_checks
from .clients import key_sets, metadata_documents, registration
from .guard import failure_counts
from .protocol import client_id_metadata_document, jwt, redirect_uri, scope, scope_choice
from .protocol.errors import InvalidScope
from .resources.requirement import scopes_asked_anywhere, scopes_asked_without_resource, step_ups
from .tokens import keys, signer

LONGEST_SAFE_ACCESS_TOKEN_LIFETIME = timedelta(days=1)
SHORTEST_TOKEN_KEY = 32
HINTS_OF_BOUNDS = {
    "E004": "A leaked code must expire soon (RFC 6749 section 4.1.2).",
    "E005": "A stolen refresh token that was just replaced still works for that long.",
    "E022": "The next key is published a day before it signs.",
}

# Our pages sign users in, and only Django's middleware protects their forms.
MIDDLEWARE = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
)
CONTEXT_PROCESSORS = frozenset(
    {"django.contrib.auth.context_processors.auth", "django.template.context_processors.request"}
)

Apps = Sequence[AppConfig] | None
Finding = tuple[str, str, str]  # id, sentence, hint


def register_all() -> None:
    """Register every check of this module with Django."""
    register(check_names, "security")
    register(check_values, "security")
    register(check_surroundings, "security")
    register(check_deployment, "security", deploy=True)


def check_names(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """E001: a setting with our prefix that does not exist. A typing error must not switch a protection off."""
    known = {setting.name for setting in conf.ALL}
    unknown = sorted(name for name in dir(settings) if name.startswith(conf.PREFIX) and name not in known)
    return [_message("E001", f"{name} is not a setting of oauth_service.", _nearest(name, known)) for name in unknown]


def check_values(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """
    E002-E011, E016-E018, E021-E027, E032, E035, E036, E050, E051: settings of the wrong type, or with values no server may
    have.
    """
    if mistyped := _mistyped():  # the other rules compare values, which must have their types
        return [_message("E002", f"{setting.name} must be {_words_for(setting)}.", "") for setting in mistyped]
    if out_of_bounds := [*_faults_of_bounds()]:  # some rules compare two values, which must both be within their bounds
        return [_message(*finding) for finding in out_of_bounds]
    return [_message(*finding) for finding in _faults()]


def _faults_around() -> Iterator[Finding]:
    yield from _faults_of_surroundings()
    yield from host_checks.findings()
    yield from database_checks.findings()


def _faults() -> Iterator[Finding]:
    yield from _faults_of_lifetimes()
    yield from _faults_of_values()
    yield from _faults_of_throttle_cache()
    yield from _faults_of_proxies()
    yield from _faults_of_registration()
    yield from _faults_of_consent()
    yield from _faults_of_client_documents()
    yield from _faults_of_keys()
    yield from _faults_of_remote_issuers()


def check_surroundings(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """
    E012-E015, E020, E023, E030, E031, W006, W010-W014, W030, W050-W052: what this app needs of the project around it.
    """
    return [_message(*finding) for finding in _faults_around()]


def check_deployment(app_configs: Apps, **_: Any) -> list[CheckMessage]:
    """E019, W001-W005, W007-W009, W015, W016, W040: what a server on the open network needs in addition."""
    skipped = _mistyped() or is_resource_server_alone()
    return [] if skipped else [_message(*finding) for finding in _wants_of_deployment()]


def _faults_of_bounds() -> Iterator[Finding]:
    for setting in conf.ALL:
        value: Any = setting()
        least, most = setting.least, setting.most
        if (
            least is None
            or most is None
            or value is None
            or (setting.zero_means and not value)
            or least <= value <= most
        ):
            continue
        words = [f"between {conf.in_words(least)} and {conf.in_words(most)}"]
        words += [f"zero for {setting.zero_means}"] if setting.zero_means else []
        words += [f"None for {setting.none_means}"] if setting.none_means else []
        yield setting.check, f"{setting.name} must be {', or '.join(words)}.", HINTS_OF_BOUNDS.get(setting.check, "")


def _faults_of_lifetimes() -> Iterator[Finding]:
    access, refresh, whole = conf.ACCESS_TOKEN_LIFETIME, conf.REFRESH_TOKEN_LIFETIME, conf.CONNECTION_LIFETIME
    if hasattr(settings, conf.REFRESH_RETRY_WINDOW.name) and conf.REFRESH_RETRY_WINDOW() > access() / 2:
        yield (
            "E005",
            f"{conf.REFRESH_RETRY_WINDOW.name} is longer than half of {access.name}, so the server shortens it.",
            "A thief could keep refreshing within the window for ever. Shorten it, or remove the setting.",
        )
    for setting in (refresh, whole):
        if (lifetime := setting()) and access() > lifetime:
            yield (
                "E010",
                f"{access.name} is longer than {setting.name}.",
                "Access tokens end with their connection, earlier than the expires_in that clients received.",
            )


def _faults_of_values() -> Iterator[Finding]:
    if fault := _fault_of_issuer(conf.ISSUER()):
        yield "E006", f"{conf.ISSUER.name} {fault} (RFC 8414 section 2).", ""
    if not conf.SCOPES():
        yield "E007", f"{conf.SCOPES.name} is empty: clients could not ask for any scope.", ""
    for name in conf.SCOPES():
        if not _is_one_scope(name):
            yield "E007", f"{conf.SCOPES.name}: {name!r} is not a scope name (RFC 6749 section 3.3).", ""
    yield from _faults_of_implied_scopes()
    own_keys = {
        conf.TOKEN_KEY.name: [conf.TOKEN_KEY()] if conf.TOKEN_KEY() else [],
        conf.TOKEN_KEY_FALLBACKS.name: conf.TOKEN_KEY_FALLBACKS(),
    }
    own_keys[conf.PAIRWISE_KEY.name] = [conf.PAIRWISE_KEY()] if conf.PAIRWISE_KEY() else []
    for name, given in own_keys.items():
        if any(len(key) < SHORTEST_TOKEN_KEY for key in given):
            yield "E008", f"{name}: a key must have {SHORTEST_TOKEN_KEY} characters or more.", ""
    if conf.TOKEN_KEY_FALLBACKS() and not conf.TOKEN_KEY():
        yield (
            "E008",
            f"{conf.TOKEN_KEY_FALLBACKS.name} is set, but {conf.TOKEN_KEY.name} is not, so they are not used.",
            "Fallbacks go with a new key. Without one, every connection that the earlier keys sealed has ended.",
        )
    if fault := _fault_of_function(conf.CLAIMS()):
        yield "E009", f"{conf.CLAIMS.name}: {fault}.", ""
    for number, function, hint in (
        ("E023", conf.AUTHENTICATION_EVENT, ""),
        ("E034", conf.EXCHANGE_POLICY, "No token is exchanged until this is fixed."),
        ("E034", conf.EXCHANGE_USER, "No token is exchanged until this is fixed."),
        ("E025", conf.JWT_BEARER_USER, ""),
        ("E025", conf.GLOBAL_TOKEN_REVOCATION_USERS, "No user is signed out until this is fixed."),
    ):
        if function() and (fault := _fault_of_function(function())):
            yield number, f"{function.name}: {fault}.", hint
    if conf.JWT_BEARER_USER() and not key_sets.is_available():
        yield (
            "E025",
            f"{conf.JWT_BEARER_USER.name} is set, but the signatures of other issuers cannot be verified.",
            "Install the extra `oidc` of this package, or remove the setting.",
        )
    for setting, values in ((conf.ACR, [conf.ACR()] if conf.ACR() else []), (conf.STEP_UP_URLS, conf.STEP_UP_URLS())):
        if any(len(acr.split()) != 1 for acr in values):
            yield "E023", f"{setting.name}: an acr is one word.", "Clients separate several values by spaces."
    # Django reads no more of a request body than this setting. 0 and None switch its limit off.
    if conf.REQUEST_BODY_LIMIT() > (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or conf.REQUEST_BODY_LIMIT()):
        yield "E011", f"{conf.REQUEST_BODY_LIMIT.name} is more than DATA_UPLOAD_MAX_MEMORY_SIZE.", ""
    if found := fault_of_metrics():
        yield "E016", *found


def _faults_of_implied_scopes() -> Iterator[Finding]:
    declared = conf.SCOPE_IMPLIES()
    names = dict.fromkeys([*declared, *(each for implied in declared.values() for each in implied.split())])
    for name in names:
        if not _is_one_scope(name):
            yield "E050", f"{conf.SCOPE_IMPLIES.name}: {name!r} is not a scope name (RFC 6749 section 3.3).", ""
        elif name in ("openid", "offline_access"):
            # Both change the kind of answer: clients have to ask for them, and users have to see them.
            yield "E050", f"{conf.SCOPE_IMPLIES.name}: {name} cannot imply another scope or be implied.", ""
    if circle := scope.circular(declared):
        yield (
            "E050",
            f"{conf.SCOPE_IMPLIES.name}: the scopes {', '.join(circle)} imply each other in a circle.",
            "They would all mean the same. Let the widest imply the others.",
        )


def fault_of_metrics() -> tuple[str, str] | None:
    """
    Return why the metrics that a project asks for cannot be counted or safely shown, as a sentence and a hint; else
    None.
    """
    if not conf.counts():
        return None
    if find_spec("prometheus_client") is None:
        return (
            "Metrics are switched on, but prometheus_client is not installed.",
            "Install it: the extra `metrics` of this package.",
        )
    if conf.METRICS_SECRET() and len(conf.METRICS_SECRET()) < SHORTEST_TOKEN_KEY:
        return f"{conf.METRICS_SECRET.name} must have {SHORTEST_TOKEN_KEY} characters or more.", ""
    for network in conf.METRICS_ADDRESSES():
        try:
            ipaddress.ip_network(network)
        except ValueError as fault:
            return f"{conf.METRICS_ADDRESSES.name}: {fault}.", ""
    return None


def _faults_of_keys() -> Iterator[Finding]:
    if unknown := [name for name in conf.SIGNING_ALGORITHMS() if name not in jwt.ALGORITHMS]:
        yield (
            "E022",
            f"{conf.SIGNING_ALGORITHMS.name}: the server does not support {', '.join(unknown)}.",
            f"Choose from {', '.join(jwt.ALGORITHMS)}.",
        )
    if "RS256" not in conf.SIGNING_ALGORITHMS():
        yield (
            "E022",
            f"{conf.SIGNING_ALGORITHMS.name} lacks RS256.",
            "Every client can verify it, and it is the default (OpenID Connect Core section 15.1).",
        )
    if conf.SIGNER() and conf.SIGNING_KEYS():
        yield "E022", f"{conf.SIGNER.name} and {conf.SIGNING_KEYS.name} are both set.", "Choose one."
    if not conf.is_openid():
        return
    if missing := [name for name in ("joserfc", "cryptography") if find_spec(name) is None]:
        yield (
            "E021",
            f"openid is in {conf.SCOPES.name}, but these packages are missing: {', '.join(missing)}.",
            "Install the extra `oidc` of this package, or remove the scope.",
        )
        return
    seen: set[str] = set()
    for position in range(len(conf.SIGNING_KEYS())):
        key = keys.key_of_settings(position)
        name = f"{conf.SIGNING_KEYS.name}: key {position + 1}"
        if isinstance(key, str):
            yield "E022", f"{name}: {key}.", ""
        elif key.public.thumbprint in seen:
            yield "E022", f"{name} is listed already.", "A key is for one algorithm (RFC 8725 section 3.1)."
        else:
            seen.add(key.public.thumbprint)
    if conf.SIGNER():
        try:
            signer.load(conf.SIGNER())
        except (ImportError, TypeError) as fault:
            yield "E022", f"{conf.SIGNER.name}: {fault}.", f"What it must have: see {documentation.page('keys')}."


REMOTE_OPTIONS = ("jwks_uri", "client_id", "client_secret", "introspection_endpoint", "user")


def _faults_of_remote_issuers() -> Iterator[Finding]:
    name, issuers = conf.REMOTE_ISSUERS.name, conf.REMOTE_ISSUERS()
    if issuers and not key_sets.is_available():
        yield (
            "E051",
            f"{name} is set, but tokens of other issuers cannot be verified.",
            "Install the extra `oidc` of this package.",
        )
    if sum("client_id" in options for options in issuers.values()) > 1:
        yield (
            "E051",
            f"{name}: more than one issuer uses introspection.",
            "An opaque token does not name its issuer, and must not be sent to another one.",
        )
    for issuer, options in issuers.items():
        if fault := _fault_of_issuer(issuer) if issuer else "is empty":
            yield "E051", f"{name}: {issuer!r} {fault} (RFC 8414 section 2).", ""
        if issuer and issuer == conf.ISSUER():
            yield "E051", f"{name}: {issuer} is this server.", "The server accepts its own tokens anyway."
        if unknown := sorted(options.keys() - set(REMOTE_OPTIONS)):
            yield (
                "E051",
                f"{name}: {issuer} has no option {', '.join(unknown)}.",
                f"Choose from {', '.join(REMOTE_OPTIONS)}.",
            )
        if ("client_id" in options) != ("client_secret" in options) or not all(options.values()):
            yield "E051", f"{name}: {issuer} has an empty option, or only one of client_id and client_secret.", ""
        if (user := options.get("user")) and (fault := _fault_of_function(user)):
            yield "E051", f"{name}: {issuer}: {fault}.", ""


def _faults_of_proxies() -> Iterator[Finding]:
    try:
        conf.trusted_proxies()
    except (TypeError, ValueError) as fault:
        yield "E032", f"{conf.TRUSTED_PROXIES.name}: {fault}.", "Addresses, networks such as 10.0.0.0/8, or unix."


def _faults_of_registration() -> Iterator[Finding]:
    if conf.REGISTRATION() not in ("", *registration.CHOICES):
        yield (
            "E026",
            f"{conf.REGISTRATION.name}: {conf.REGISTRATION()!r} is not a choice.",
            f"Choose from {', '.join(registration.CHOICES)}, or remove the setting.",
        )
    yield from _faults_of_scopes("E026", conf.REGISTRATION_SCOPES)


def _faults_of_consent() -> Iterator[Finding]:
    if fault := _fault_of_support_contact(conf.SUPPORT_CONTACT()):
        yield (
            "E036",
            f"{conf.SUPPORT_CONTACT.name} {fault}.",
            "Write mailto:help@example.com or https://example.com/help.",
        )
    for host in conf.KNOWN_CLIENT_HOSTS():
        if not _is_host_name(host):
            yield (
                "E035",
                f"{conf.KNOWN_CLIENT_HOSTS.name}: {host!r} is not a host name.",
                "Use lower case, without scheme, port and path: app.example.",
            )
    choices = [each.value for each in scope_choice.Offered]
    if conf.CHOOSE_SCOPES() not in choices:
        yield (
            "E035",
            f"{conf.CHOOSE_SCOPES.name}: {conf.CHOOSE_SCOPES()!r} is not a choice.",
            f"Choose from {', '.join(choices)}.",
        )
    yield from _faults_of_scopes("E035", conf.REQUIRED_SCOPES)
    yield from _faults_of_scopes("E035", conf.ACTION_SCOPES)


def _faults_of_scopes(check: str, setting: conf.Setting[Sequence[str]]) -> Iterator[Finding]:
    for name in setting():
        if not _is_one_scope(name):
            yield check, f"{setting.name}: {name!r} is not a scope name (RFC 6749 section 3.3).", ""


def _is_host_name(text: str) -> bool:
    try:
        return text == urlsplit(f"https://{text}").hostname
    except ValueError:
        return False


def _faults_of_client_documents() -> Iterator[Finding]:
    if conf.CLIENT_ID_METADATA_DOCUMENTS() and not metadata_documents.is_available():
        yield (
            "E027",
            f"{conf.CLIENT_ID_METADATA_DOCUMENTS.name} is on, but the server cannot fetch documents.",
            "Install django-oauth-service[oidc] or django-oauth-service[logos].",
        )
    for setting in (conf.CLIENT_ID_METADATA_ALLOWED_HOSTS, conf.CLIENT_ID_METADATA_BLOCKED_HOSTS):
        for host in setting():
            if not client_id_metadata_document.is_pattern(str(host)):
                yield (
                    "E027",
                    f"{setting.name}: {host!r} is not a host name.",
                    "Write app.example, or .app.example to include its subdomains, in lower case, without scheme and port.",
                )


def _faults_of_throttle_cache() -> Iterator[Finding]:
    try:
        counts = caches[conf.THROTTLE_CACHE()]
    except InvalidCacheBackendError:
        yield "E018", f"{conf.THROTTLE_CACHE.name}: CACHES has no {conf.THROTTLE_CACHE()!r}.", ""
    else:
        if isinstance(counts, DummyCache):
            yield (
                "E018",
                f"{conf.THROTTLE_CACHE.name}: {conf.THROTTLE_CACHE()!r} stores nothing, so failures are not counted.",
                "Use another cache; one in memory is enough.",
            )


def is_resource_server_alone() -> bool:
    """True if this project guards APIs and issues no tokens: it names other issuers, and has no token endpoint."""
    try:
        reverse("oauth_service:token")
    except NoReverseMatch:
        return not _mistyped() and bool(conf.REMOTE_ISSUERS())
    return False


def _faults_of_surroundings() -> Iterator[Finding]:
    if is_resource_server_alone():
        return  # no sign-in and no tokens here
    installed = [import_string(path) for path in settings.MIDDLEWARE]
    classes = [middleware for middleware in installed if isinstance(middleware, type)]
    for path in MIDDLEWARE:
        if not any(issubclass(each, import_string(path)) for each in classes):
            yield "E012", f"MIDDLEWARE lacks {path}.", "Sign-in and consent need it, or a subclass of it."
    if not settings.USE_TZ:
        yield "E013", "USE_TZ is off.", "Lifetimes need aware datetimes, whatever TIME_ZONE is."
    if fault := _fault_of_templates():
        yield "E014", *fault
    try:
        reverse("oauth_service:authorise")
    except NoReverseMatch:
        yield (
            "E015",
            "The URLs of oauth_service are not included.",
            'Add path("", include("oauth_service.urls")) to the root URLconf.',
        )
    else:
        if _leads_nowhere(settings.LOGIN_URL):
            yield (
                "E015",
                f"LOGIN_URL {str(settings.LOGIN_URL)!r} does not lead to a page.",
                'Set it to "oauth_service:login".',
            )
    pages = {} if _mistyped() else conf.STEP_UP_URLS()
    for acr in [acr for acr, url in pages.items() if _leads_nowhere(url)]:
        yield (
            "E023",
            f"{conf.STEP_UP_URLS.name}: the page for {acr!r} does not lead to a page.",
            "Name a URL, or the name of one, where people sign in that strongly.",
        )
    if settings.SECURE_REFERRER_POLICY in ("no-referrer", ["no-referrer"], ("no-referrer",)):
        yield (
            "W006",
            'SECURE_REFERRER_POLICY is "no-referrer": browsers then send `Origin: null`, and CSRF checks refuse your own forms.',
            'Use "same-origin". The pages of oauth_service set their own policy.',
        )
    if not _mistyped() and (uncovered := scopes_asked_without_resource().difference(conf.SCOPES())):
        yield (
            "W010",
            f"A view requires a scope that {conf.SCOPES.name} lacks: {' '.join(sorted(uncovered))}.",
            "No client can get it, so the view refuses every token. Add it to the setting.",
        )
    if not _mistyped() and (unknown := _unknown_implied_scopes()):
        yield (
            "W052",
            f"{conf.SCOPE_IMPLIES.name} names a scope that neither {conf.SCOPES.name} nor a view has: {' '.join(unknown)}.",
            "A misspelt name has no effect. Correct it, or silence this check if only a resource has the scope.",
        )
    if step_ups and not _mistyped() and not conf.is_openid():
        yield (
            "W050",
            "A view asks how its user signed in (acr or max_age), but this server does not know.",
            f"The view refuses every token. Switch OpenID Connect on: add openid to {conf.SCOPES.name}.",
        )


def _unknown_implied_scopes() -> list[str]:
    declared = conf.SCOPE_IMPLIES()
    named = {*declared, *(each for implied in declared.values() for each in implied.split())}
    # Resources keep their scopes in the database, which a check does not query. Views name them, too.
    return sorted(named.difference(conf.SCOPES(), scopes_asked_anywhere()))


def _wants_of_deployment() -> Iterator[Finding]:
    if not conf.TOKEN_KEY() and len(force_bytes(settings.SECRET_KEY)) < SHORTEST_TOKEN_KEY:
        yield (
            "E019",
            f"SECRET_KEY, which seals codes and tokens, has fewer than {SHORTEST_TOKEN_KEY} characters.",
            f"Set 50 random characters, or {conf.TOKEN_KEY.name}.",
        )
    yield from _keys_that_are_not_apart()
    issuer = urlsplit(conf.ISSUER())
    if not conf.ISSUER():
        yield (
            "W001",
            f"{conf.ISSUER.name} is not set: the issuer is taken from each request's Host header.",
            "Set it to the https URL of this server.",
        )
    elif issuer.scheme != "https":
        yield (
            "W002",
            f"{conf.ISSUER.name} is not an https URL.",
            "Codes and tokens are sent to it; RFC 6749 section 3.2 requires TLS.",
        )
    if not (settings.SESSION_COOKIE_SECURE and settings.CSRF_COOKIE_SECURE):
        yield (
            "W003",
            "Session or CSRF cookies may be sent without TLS.",
            "Set SESSION_COOKIE_SECURE and CSRF_COOKIE_SECURE.",
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield "W004", "ALLOWED_HOSTS accepts any host.", "Name the hosts of this server."
    elif issuer.netloc and not validate_host(split_domain_port(issuer.netloc)[0], settings.ALLOWED_HOSTS):
        yield "W007", f"ALLOWED_HOSTS lacks {issuer.hostname}, the host of {conf.ISSUER.name}.", "Add it there."
    if conf.ACCESS_TOKEN_LIFETIME() > LONGEST_SAFE_ACCESS_TOKEN_LIFETIME:
        yield (
            "W005",
            f"{conf.ACCESS_TOKEN_LIFETIME.name} is longer than a day.",
            "Refresh tokens are there to keep access tokens short-lived (RFC 9700 section 2.2).",
        )
    if not settings.SECURE_SSL_REDIRECT:
        yield (
            "W008",
            "Requests without TLS are answered instead of being redirected to https.",
            "Set SECURE_SSL_REDIRECT, or silence this check if a proxy does it.",
        )
    if conf.OUTBOUND_LOOPBACK():
        yield (
            "W015",
            f"{conf.OUTBOUND_LOOPBACK.name} is on: anyone who registers a client can make this server call its own machine.",
            "It is for trials only. Remove the setting.",
        )
    if (opened := conf.setting_for_unknown_clients()) and failure_counts.are_in_memory():
        yield (
            "W016",
            f"{opened} lets any client in, and each process counts them separately.",
            f"Let {conf.THROTTLE_CACHE.name} name a cache that all workers share.",
        )
    connection = connections[database.ours()]
    if connection.vendor == "sqlite" and connection.settings_dict["OPTIONS"].get("transaction_mode") != "IMMEDIATE":
        yield (
            "W009",
            "SQLite transactions begin as readers: if two of them write, one fails with “database is locked”.",
            'Set "transaction_mode": "IMMEDIATE" in the OPTIONS of the database.',
        )


def _keys_that_are_not_apart() -> Iterator[Finding]:
    """W040: a secret set under two names does both jobs, so a leak of either gives away both."""
    by_name = {
        "SECRET_KEY": [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS],
        conf.TOKEN_KEY.name: [conf.TOKEN_KEY()],
        conf.TOKEN_KEY_FALLBACKS.name: conf.TOKEN_KEY_FALLBACKS(),
        conf.PAIRWISE_KEY.name: [conf.PAIRWISE_KEY()],
        conf.METRICS_SECRET.name: [conf.METRICS_SECRET()],
    }
    known = {name: {force_bytes(key) for key in given if key} for name, given in by_name.items()}
    for first, second in combinations(known, 2):
        if known[first].isdisjoint(known[second]):
            continue
        if (first, second) == ("SECRET_KEY", conf.TOKEN_KEY_FALLBACKS.name):
            yield (
                "W040",
                f"{second} contains SECRET_KEY, which still opens codes and tokens.",
                f"Take it out when oauth_doctor says that nothing alive was sealed by it. See {documentation.page('token-key')}.",
            )
        else:
            yield "W040", f"{first} and {second} have a key in common.", "Give each a random one of its own."


def _fault_of_issuer(issuer: str) -> str:
    if not issuer:
        return ""
    try:
        parts = urlsplit(issuer)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in ("https", "http") or not host or parts.username is not None:
        return "must be an absolute https URL"
    if parts.scheme == "http" and host not in redirect_uri.LOOPBACK_HOSTS:
        return "must use https, except on this machine"
    if parts.query or parts.fragment or issuer.endswith("/"):
        return "must have no query, no fragment and no trailing slash"
    return ""


def _fault_of_support_contact(contact: str) -> str:
    if not contact:
        return ""
    scheme, _, address = contact.partition(":")
    if scheme == "mailto":
        try:
            validate_email(unquote(address))
        except ValidationError:
            return "must have one e-mail address after mailto:"
        return ""
    try:
        parts = urlsplit(contact)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and host in redirect_uri.LOOPBACK_HOSTS)
    return "" if is_safe and host and parts.username is None else "must be mailto: or an absolute https URL"


def _fault_of_function(path: str) -> str:
    try:
        return "" if callable(import_string(path)) else f"{path} is not a function"
    except ImportError as fault:
        return str(fault)


def _fault_of_templates() -> tuple[str, str] | None:
    try:
        backend = getattr(get_template("oauth_service/login.html"), "backend", None)
    except TemplateDoesNotExist:
        return "The templates of oauth_service are not found.", 'Set "APP_DIRS": True in TEMPLATES.'
    if isinstance(backend, DjangoTemplates) and (
        missing := CONTEXT_PROCESSORS.difference(backend.engine.context_processors)
    ):
        return (
            f"TEMPLATES lacks the context processors {', '.join(sorted(missing))}.",
            "The pages of oauth_service show the name of the signed-in user.",
        )
    return None


def _leads_nowhere(url: Any) -> bool:
    try:
        target = resolve_url(url)
    except NoReverseMatch:
        return True
    if target != str(url) or urlsplit(target).netloc:
        return False  # the name of a view, or another server
    path = "/" + urlsplit(target).path.removeprefix(get_script_prefix())
    return not any(_is_served(each) for each in (path, f"{path}/"))


def _is_served(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return True


def _is_one_scope(name: str) -> bool:
    try:
        return scope.parse(name) == (name,)
    except InvalidScope:
        return False


def _mistyped() -> list[conf.Setting[Any]]:
    return [setting for setting in conf.ALL if not _is_of_kind(setting(), setting)]


def _is_of_kind(value: Any, setting: conf.Setting[Any]) -> bool:
    if value is None and setting.none_means:
        return True
    if not isinstance(value, setting.kind) or (isinstance(value, bool) and setting.kind is not bool):
        return False
    if isinstance(value, Mapping) and setting.has_options:
        return all(isinstance(name, str) and _is_of_texts(options) for name, options in value.items())
    if isinstance(value, Mapping):
        return all(isinstance(name, str) and isinstance(words, (str, Promise)) for name, words in value.items())
    return not isinstance(value, (list, tuple)) or all(
        isinstance(member, str) or (setting.has_pairs and _is_pair(member)) for member in value
    )


def _is_of_texts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(text, str) for pair in value.items() for text in pair)


def _is_pair(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(each, str) for each in value)


def _words_for(setting: conf.Setting[Any]) -> str:
    kind = setting.kind
    if kind is Mapping:
        return f"a dict of str to {'dicts of str to str' if setting.has_options else 'str'}"
    if setting.has_pairs:
        return "a list or tuple of str, or of pairs of str"
    if isinstance(kind, tuple):
        return " or ".join(f"a {one.__name__} of str" for one in kind)
    return f"a {kind.__name__}{' or None' if setting.none_means else ''}"


def _nearest(name: str, known: set[str]) -> str:
    # Compared without the prefix, which all settings share.
    close = get_close_matches(name.removeprefix(conf.PREFIX), [each.removeprefix(conf.PREFIX) for each in known], n=1)
    return f"Did you mean {conf.PREFIX}{close[0]}?" if close else f"All settings: see {documentation.page('settings')}."


def _message(number: str, sentence: str, hint: str) -> CheckMessage:
    kind = Error if number.startswith("E") else Warning
    return kind(sentence, hint=hint or None, id=f"oauth_service.{number}")
