"""Settings of this app: name, type, default and purpose of each. None has to be set for a safe server."""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils.encoding import force_bytes
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from .protocol import scope
from .protocol.claimed_name import ClaimedName
from .protocol.forwarded import TrustedProxies
from .protocol.lifecycle import LONGEST_LIFETIME

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

PREFIX = "OAUTH_SERVICE_"
_in_force: dict[str, Any] = {}
T = TypeVar("T")

LONGEST_AUDIT_LIFETIME = timedelta(days=36_500)
# Lifetime that replaces None where a moment has to be stored.
NEVER = timedelta(days=36_525)


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """
    A setting; calling it returns its current value.

    Durations and numbers have bounds, which the system checks enforce. None, if allowed, means without end.
    """

    name: str
    kind: type | tuple[type, ...]
    default: T
    purpose: str
    has_pairs: bool = False
    """True if members may also be pairs of strings."""
    has_options: bool = False
    """True if the values are dicts of strings themselves."""
    least: timedelta | int | None = None
    most: timedelta | int | None = None
    none: str = ""
    """Meaning of None, in words; "" if None is not allowed."""
    zero: str = ""
    """Meaning of zero, in words, if it is outside the bounds; "" if zero is an ordinary number."""
    check: str = "E003"
    """Id of the system check that reports a value out of bounds."""

    def __call__(self) -> T:
        # Cached: looking up a name that Django's settings lack raises an exception inside Django each time, which is
        # slow.
        try:
            value: T = _in_force[self.name]
            return value
        except KeyError:
            return cast("T", _in_force.setdefault(self.name, getattr(settings, self.name, self.default)))


ISSUER = Setting(
    "OAUTH_SERVICE_ISSUER",
    str,
    "",
    "The issuer identifier: the https URL of this server, without a trailing slash. Set it in production; "
    "without it the URL of each request is taken, which trusts `ALLOWED_HOSTS`.",
)
SERVICE_NAME = Setting("OAUTH_SERVICE_SERVICE_NAME", str, "OAuth Service", "The name that stands on every page.")
SCOPES: Setting[Mapping[str, str]] = Setting(
    "OAUTH_SERVICE_SCOPES",
    Mapping,
    {
        "user": cast("str", _("Your username and e-mail address")),
        "profile": cast("str", _("Your name and when your profile was last updated")),
    },
    "Scope → what it lets an app do, in words for the consent page. Yours replace the default: `/userinfo/` needs `user` or "
    "`profile` among them.",
)
SCOPE_IMPLIES: Setting[Mapping[str, str]] = Setting(
    "OAUTH_SERVICE_SCOPE_IMPLIES",
    Mapping,
    {},
    "Scope → the scopes that it implies, with spaces between: with `{'notes': 'notes:read notes:write'}` whoever has `notes` may "
    "do both. It counts wherever scopes are compared. [resources.md](resources.md#scopes-that-imply-others) says more.",
)
RESOURCE = Setting(
    "OAUTH_SERVICE_RESOURCE",
    str,
    "",
    "Identifier of the API that guarded views belong to unless they name another by `protect(resource=…)`. A token that was "
    "asked for without `resource` is for it. [resources.md](resources.md) says more.",
)
INTROSPECTION = Setting(
    "OAUTH_SERVICE_INTROSPECTION",
    bool,
    False,
    "Whether APIs and clients may ask `/introspect/` about tokens. [introspection.md](introspection.md) says more.",
)
GLOBAL_TOKEN_REVOCATION = Setting(
    "OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION",
    bool,
    False,
    "Whether clients that may do so can end all that a user has here by one call of `/global-token-revocation/`: connections and "
    "sessions. [revocation.md](revocation.md) says more.",
)
GLOBAL_TOKEN_REVOCATION_USERS = Setting(
    "OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION_USERS",
    str,
    "",
    "Dotted path of a function `(sub_id, client_id) -> users` that says whom a subject identifier (RFC 9493) of such a call "
    "names: a list, empty for nobody. Without it `iss_sub`, `opaque` and `email` are known, and every user can be named. "
    "[revocation.md](revocation.md) says more.",
)
AUTHORIZATION_CODE_LIFETIME = Setting(
    "OAUTH_SERVICE_AUTHORIZATION_CODE_LIFETIME",
    timedelta,
    timedelta(minutes=1),
    "How long a code waits to be exchanged (RFC 6749 section 4.1.2).",
    least=timedelta(seconds=1),
    most=timedelta(minutes=10),
    check="E004",
)
DEVICE_AUTHORIZATION = Setting(
    "OAUTH_SERVICE_DEVICE_AUTHORIZATION",
    bool,
    False,
    "Whether devices without a browser of their own can be connected (RFC 8628): the device authorization endpoint, the page "
    "`/device/` and the grant type are there. [device.md](device.md) says more.",
)
DEVICE_CODE_LIFETIME = Setting(
    "OAUTH_SERVICE_DEVICE_CODE_LIFETIME",
    timedelta,
    timedelta(minutes=10),
    "How long a device waits for a person to enter its code and allow it.",
    least=timedelta(minutes=1),
    most=timedelta(hours=1),
)
DEVICE_CODE_INTERVAL = Setting(
    "OAUTH_SERVICE_DEVICE_CODE_INTERVAL",
    timedelta,
    timedelta(seconds=5),
    "How long a device waits between two polls, in whole seconds; five more each time that it polls too early.",
    least=timedelta(seconds=1),
    most=timedelta(minutes=1),
)
ACCESS_TOKEN_LIFETIME = Setting(
    "OAUTH_SERVICE_ACCESS_TOKEN_LIFETIME",
    timedelta,
    timedelta(hours=1),
    "How long an access token is good.",
    least=timedelta(seconds=1),
    most=LONGEST_LIFETIME,
)
REFRESH_TOKEN_LIFETIME: Setting[timedelta | None] = Setting(
    "OAUTH_SERVICE_REFRESH_TOKEN_LIFETIME",
    timedelta,
    timedelta(days=30),
    "How long a connection lives without being refreshed; every refresh starts it anew.",
    least=timedelta(seconds=1),
    most=LONGEST_LIFETIME,
    none="until somebody ends it",
)
REFRESH_RETRY_WINDOW = Setting(
    "OAUTH_SERVICE_REFRESH_RETRY_WINDOW",
    timedelta,
    timedelta(minutes=2),
    "How long a refresh token that was just replaced still gets the same successor, for answers lost on the way. Never longer "
    "than half the life of the client's access tokens, and shorter for clients that refresh more often than every few minutes.",
    least=timedelta(0),
    most=timedelta(minutes=10),
    check="E005",
)
END_SHARED_CONNECTIONS = Setting(
    "OAUTH_SERVICE_END_SHARED_CONNECTIONS",
    bool,
    False,
    "Whether a connection ends whose refresh tokens are used twice again and again, within the retry window: two may hold them, "
    "or an app refreshes from several processes at once. It is told as the event `refresh_shared` in any case.",
)
CONNECTION_LIFETIME: Setting[timedelta | None] = Setting(
    "OAUTH_SERVICE_CONNECTION_LIFETIME",
    timedelta,
    None,
    "How long a connection lives in all, however often it is refreshed: then the person is asked again.",
    least=timedelta(seconds=1),
    most=LONGEST_LIFETIME,
    none="as long as it is refreshed",
    check="E010",
)
END_CONNECTIONS_ON_PASSWORD_CHANGE = Setting(
    "OAUTH_SERVICE_END_CONNECTIONS_ON_PASSWORD_CHANGE",
    bool,
    False,
    "Whether a new password ends all connections of its user, and codes that wait. [passwords.md](passwords.md) says more.",
)
TOKEN_KEY = Setting(
    "OAUTH_SERVICE_TOKEN_KEY",
    str,
    "",
    "The key that seals codes and tokens, 32 random characters or more. Without it one is derived from `SECRET_KEY`; with it "
    "`SECRET_KEY` opens nothing. [token-key.md](token-key.md) says how to set it and how to replace it.",
)
TOKEN_KEY_FALLBACKS: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_TOKEN_KEY_FALLBACKS",
    (list, tuple),
    (),
    "Keys that open beside `OAUTH_SERVICE_TOKEN_KEY`: those it replaced, and the one that will replace it. "
    "`SECRET_KEY_FALLBACKS` are for servers without a token key.",
)
CLAIMS = Setting(
    "OAUTH_SERVICE_CLAIMS",
    str,
    "oauth_service.claims.claims_of",
    "Dotted path of the function `(user, scope) -> dict` that says what `/userinfo/` tells.",
)
ID_TOKEN_LIFETIME = Setting(
    "OAUTH_SERVICE_ID_TOKEN_LIFETIME",
    timedelta,
    timedelta(hours=1),
    "How long a client may accept an ID token (OpenID Connect).",
    least=timedelta(seconds=1),
    most=LONGEST_LIFETIME,
)
PAIRWISE_KEY = Setting(
    "OAUTH_SERVICE_PAIRWISE_KEY",
    str,
    "",
    "The key that pairwise subjects are computed with, 32 random characters or more; needed as soon as a client has them. "
    "It must never change: every pairwise client would see new users.",
)
AUTHENTICATION_EVENT = Setting(
    "OAUTH_SERVICE_AUTHENTICATION_EVENT",
    str,
    "",
    "Dotted path of a function `(request) -> dict` that says more about the sign-in of a session: `auth_time` (aware), `acr`, "
    "`amr` (a list). What it leaves out stays as it is.",
)
ACR = Setting(
    "OAUTH_SERVICE_ACR",
    str,
    "",
    "Authentication Context Class Reference (`acr`) of an ordinary sign-in, such as `1`: what you and your clients agree on. It "
    "stands in ID tokens unless `OAUTH_SERVICE_AUTHENTICATION_EVENT` says another.",
)
CLAIMS_SUPPORTED: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_CLAIMS_SUPPORTED",
    (list, tuple),
    (
        *("name", "given_name", "family_name", "preferred_username", "updated_at"),
        *("email", "email_verified", "address", "phone_number", "phone_number_verified"),
    ),
    "The claims that `OAUTH_SERVICE_CLAIMS` may tell, for the metadata (OpenID Connect).",
)
STEP_UP_URLS: Setting[Mapping[str, str]] = Setting(
    "OAUTH_SERVICE_STEP_UP_URLS",
    Mapping,
    {},
    "acr → URL or URL name of the page where people sign in that strongly, such as with a second factor. It gets `next`.",
)
EXCHANGE_POLICY = Setting(
    "OAUTH_SERVICE_EXCHANGE_POLICY",
    str,
    "",
    "Dotted path of a function `(exchange) -> exchange` that has the last word on every token exchange: it may refuse or narrow. "
    "[token-exchange.md](token-exchange.md) says how. Without it the registrations of the clients decide alone.",
)
EXCHANGE_USER = Setting(
    "OAUTH_SERVICE_EXCHANGE_USER",
    str,
    "",
    "Dotted path of a function `(claims) -> user` that says who the user of a trusted issuer's JWT is here, if one is exchanged; "
    "`None` for nobody. Without it their JWTs are no subject tokens. [token-exchange.md](token-exchange.md) says more.",
)
OUTBOUND_LOOPBACK = Setting(
    "OAUTH_SERVICE_OUTBOUND_LOOPBACK",
    bool,
    False,
    "Whether this server may call clients on its own machine, by http too: for trials only.",
)
AUDIT_LIFETIME: Setting[timedelta | None] = Setting(
    "OAUTH_SERVICE_AUDIT_LIFETIME",
    timedelta,
    timedelta(days=90),
    "How long the audit trail keeps an event.",
    least=timedelta(hours=1),
    most=LONGEST_AUDIT_LIFETIME,
    none="for ever",
    zero="no trail",
)
REQUEST_BODY_LIMIT = Setting(
    "OAUTH_SERVICE_REQUEST_BODY_LIMIT",
    int,
    65_536,
    "The longest request body that is read, in bytes; no more than Django's `DATA_UPLOAD_MAX_MEMORY_SIZE`.",
    least=1024,
    most=2**26,
    check="E011",
)
FAILURE_LIMIT = Setting(
    "OAUTH_SERVICE_FAILURE_LIMIT",
    int,
    10,
    "How many logins of one account, or authentications of one client, may fail from one address within "
    "`OAUTH_SERVICE_FAILURE_WINDOW` before it is told to wait (429).",
    least=1,
    most=1000,
    check="E017",
)
FAILURE_WINDOW = Setting(
    "OAUTH_SERVICE_FAILURE_WINDOW",
    timedelta,
    timedelta(minutes=5),
    "The span of time that failures are counted in.",
    least=timedelta(seconds=1),
    most=timedelta(days=1),
    check="E017",
)
THROTTLE_CACHE = Setting(
    "OAUTH_SERVICE_THROTTLE_CACHE",
    str,
    "default",
    "The name in `CACHES` of the cache that failures are counted in. One in memory (`LocMemCache`) counts for each process "
    "by itself.",
)
TRUSTED_PROXIES: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_TRUSTED_PROXIES",
    (list, tuple),
    ("127.0.0.0/8", "::1", "unix"),
    "Addresses and networks of proxies whose `X-Forwarded-For` is believed, and `unix` for those that speak through a Unix "
    "socket. Failures are counted for the address of the client: without its proxy here, everybody behind it has the same. The "
    "proxy must set or append to the header, never pass it on as it came.",
)

REQUEST_ID_HEADER = Setting(
    "OAUTH_SERVICE_REQUEST_ID_HEADER",
    str,
    "",
    "The header in which a trusted proxy sends its id of a request, such as `X-Request-ID`: it becomes the reference on "
    "error pages and in the log. Set it only where the proxy replaces what clients send.",
)

METRICS_ADDRESSES: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_METRICS_ADDRESSES",
    (list, tuple),
    (),
    "Addresses and networks that may read `/metrics/`, such as `127.0.0.1` (extra `metrics`). Nothing is counted unless this "
    "or the secret is set.",
)
METRICS_SECRET = Setting(
    "OAUTH_SERVICE_METRICS_SECRET",
    str,
    "",
    "Whoever sends it as a bearer token may read `/metrics/`, from anywhere; 32 random characters or more.",
)

SIGNING_ALGORITHMS: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_SIGNING_ALGORITHMS",
    (list, tuple),
    ("RS256", "ES256", "PS256", "EdDSA"),
    "The signatures that clients can register for their ID tokens; `RS256` must be among them (OpenID Connect, extra `oidc`).",
)
SIGNING_KEY_LIFETIME: Setting[timedelta | None] = Setting(
    "OAUTH_SERVICE_SIGNING_KEY_LIFETIME",
    timedelta,
    timedelta(days=90),
    "How long a signing key signs before the next one takes over, which the server makes by itself. "
    "[keys.md](keys.md) says more.",
    least=timedelta(days=2),
    most=timedelta(days=730),
    none="until somebody replaces it",
    check="E022",
)
SIGNING_KEYS: Setting[Sequence[str | tuple[str, str]]] = Setting(
    "OAUTH_SERVICE_SIGNING_KEYS",
    (list, tuple),
    (),
    "Private keys in PEM that the server signs with instead of making its own. Of each algorithm the first signs, the others are "
    'published. `("PS256", pem)` names the algorithm where an RSA key is not for RS256.',
    has_pairs=True,
)
SIGNER = Setting(
    "OAUTH_SERVICE_SIGNER",
    str,
    "",
    "Dotted path of an object, or a function without arguments that makes one, that signs elsewhere: in a KMS or HSM. It has "
    "`public_jwks()` and `sign(kid, alg, signing_input)`.",
)

ASSERTIONS_FOR_TOKEN_ENDPOINT = Setting(
    "OAUTH_SERVICE_ASSERTIONS_FOR_TOKEN_ENDPOINT",
    bool,
    False,
    "Whether the assertion that a client authenticates with may name the URL of the token endpoint as its audience, and several "
    "audiences: older clients do. Without it the issuer alone is accepted. [client-authentication.md](client-authentication.md) "
    "says more.",
)

JWT_BEARER_USER = Setting(
    "OAUTH_SERVICE_JWT_BEARER_USER",
    str,
    "",
    "Dotted path of a function `(claims) -> user` that says who the user of a trusted issuer's JWT is here; `None` for nobody. "
    "Without it the grant type `urn:ietf:params:oauth:grant-type:jwt-bearer` is off. [jwt-bearer.md](jwt-bearer.md) says more.",
)

REGISTRATION = Setting(
    "OAUTH_SERVICE_REGISTRATION",
    str,
    "",
    "Which clients may register themselves (RFC 7591): `open` for anybody's, `token` for those with an initial access token. "
    "Without it there is no registration endpoint. [registration.md](registration.md) says more.",
)
CLIENT_ID_METADATA_DOCUMENTS = Setting(
    "OAUTH_SERVICE_CLIENT_ID_METADATA_DOCUMENTS",
    bool,
    False,
    "Whether a client may introduce itself by a `client_id` that is the https URL of a document which describes it, as "
    "assistants and editors that speak MCP do. The bounds of registration hold for them, too. "
    "[registration.md](registration.md#client-id-metadata-documents) says more.",
)
CLIENT_ID_METADATA_ALLOWED_HOSTS: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_CLIENT_ID_METADATA_ALLOWED_HOSTS",
    (list, tuple),
    (),
    "Hosts whose documents may introduce clients, as in `ALLOWED_HOSTS`: `app.example`, or `.app.example` with all below it. "
    "Empty for any host.",
)
CLIENT_ID_METADATA_BLOCKED_HOSTS: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_CLIENT_ID_METADATA_BLOCKED_HOSTS",
    (list, tuple),
    (),
    "Hosts whose documents introduce no client, written as those above; a host that stands in both is blocked.",
)
REGISTRATION_SCOPES: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_REGISTRATION_SCOPES",
    (list, tuple),
    (),
    "All that clients that register themselves may ask for; empty for every scope of this server and of the resources that are "
    "for every client.",
)
REGISTRATION_REQUIRES_PKCE = Setting(
    "OAUTH_SERVICE_REGISTRATION_REQUIRES_PKCE",
    bool,
    True,
    "Whether confidential web clients that register themselves need PKCE, as public and native ones always do. OpenID Connect "
    "has clients that cannot do it.",
)
REGISTRATION_LIFETIME = Setting(
    "OAUTH_SERVICE_REGISTRATION_LIFETIME",
    timedelta,
    timedelta(days=7),
    "How long a client that has registered itself without an initial access token waits for somebody to connect it; then it is "
    "deleted.",
    least=timedelta(hours=1),
    most=timedelta(days=365),
    check="E026",
)
REGISTRATION_LIMIT = Setting(
    "OAUTH_SERVICE_REGISTRATION_LIMIT",
    int,
    60,
    "How many clients may register themselves, or change their registration, from one address within an hour, without an "
    "initial access token, before it is told to wait (429).",
    least=1,
    most=100_000,
    check="E026",
)
REGISTRATION_MOST_WAITING = Setting(
    "OAUTH_SERVICE_REGISTRATION_MOST_WAITING",
    int,
    10_000,
    "How many clients that have registered themselves without an initial access token may wait for somebody to connect them; "
    "more are turned away (503).",
    least=1,
    most=1_000_000,
    check="E026",
)

KNOWN_CLIENT_HOSTS: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_KNOWN_CLIENT_HOSTS",
    (list, tuple),
    (),
    "Host names of websites that you know, such as `app.example`: the consent page says so of apps that introduce themselves and "
    "belong there. [consent.md](consent.md) says more.",
)
CHOOSE_SCOPES = Setting(
    "OAUTH_SERVICE_CHOOSE_SCOPES",
    str,
    "unchecked",
    "For which apps people can untick scopes on the consent page: `unchecked` for those that you have not checked, `always`, or "
    "`never`. [consent.md](consent.md#choosing-scopes) says more.",
)
REQUIRED_SCOPES: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_REQUIRED_SCOPES",
    (list, tuple),
    (),
    "Scopes that nobody can untick; `openid` is always one of them.",
)

REMOTE_ISSUERS: Setting[Mapping[str, Mapping[str, str]]] = Setting(
    "OAUTH_SERVICE_REMOTE_ISSUERS",
    Mapping,
    {},
    "Other authorization servers whose access tokens guarded views take, by their issuer identifier: `{}` for JWTs, or "
    "`client_id` and `client_secret` to ask by introspection. [drf.md](drf.md#an-api-in-another-project) has all options.",
    has_options=True,
)
REMOTE_CACHE = Setting(
    "OAUTH_SERVICE_REMOTE_CACHE",
    timedelta,
    timedelta(seconds=10),
    "How long a token that another server has called active is not asked about again: so long it stays good here after it was "
    "revoked there. Zero asks each time.",
    least=timedelta(0),
    most=timedelta(minutes=5),
)

ALL: tuple[Setting[object], ...] = tuple(value for value in list(globals().values()) if isinstance(value, Setting))


class Arrival(Protocol):
    """The origin that a request was sent to; Django's request and ProgramRequest both fit."""

    @property
    def scheme(self) -> str | None: ...
    @property
    def get_host(self) -> Callable[[], str]: ...


def issuer_of(request: Arrival) -> str:
    """The issuer identifier (RFC 8414 section 2), without a trailing slash."""
    return ISSUER() or f"{request.scheme}://{request.get_host()}"


def token_keys() -> tuple[bytes, ...]:
    """
    The server's token keys, 32 bytes each: first the one that seals, then those that only open.

    A separate TOKEN_KEY replaces SECRET_KEY altogether: SECRET_KEY then opens only what the fallbacks name.
    """
    try:
        found: tuple[bytes, ...] = _in_force["token_keys"]
        return found
    except KeyError:
        own = TOKEN_KEY()
        keys = [own, *TOKEN_KEY_FALLBACKS()] if own else [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
        derived = tuple(hmac.digest(b"oauth_service.token_key", force_bytes(key), hashlib.sha256) for key in keys)
        return cast("tuple[bytes, ...]", _in_force.setdefault("token_keys", derived))


def claimed_name(typed: str) -> ClaimedName:
    """Make a user name or client_id that nothing has proven safe to show, as a digest."""
    try:
        key = cast("bytes", _in_force["claimed_name_key"])
    except KeyError:
        made = hmac.digest(token_keys()[0], b"oauth_service.claimed_name", hashlib.sha256)
        key = cast("bytes", _in_force.setdefault("claimed_name_key", made))
    return ClaimedName(typed, key=key)


_UNITS = (
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
    ("second", timedelta(seconds=1)),
)


def in_words(value: timedelta | int) -> str:
    """A bound of a setting, readable: 10 minutes, 67_108_864."""
    if not isinstance(value, timedelta):
        return f"{value:_}"
    if not value:
        return "zero"
    name, unit = next((name, unit) for name, unit in _UNITS if value >= unit and not value % unit)
    return f"{value // unit} {name}{'' if value == unit else 's'}"


def claims_function() -> "Callable[[AbstractBaseUser, frozenset[str]], dict[str, object]]":
    """The function that CLAIMS names, imported."""
    try:
        found = _in_force["claims_function"]
    except KeyError:
        found = _in_force.setdefault("claims_function", import_string(CLAIMS()))
    return cast("Callable[[AbstractBaseUser, frozenset[str]], dict[str, object]]", found)


def function_of(setting: Setting[str]) -> Callable[..., Any]:
    """The function that a setting names by its dotted path, imported."""
    key = f"function {setting.name}"
    try:
        return cast("Callable[..., Any]", _in_force[key])
    except KeyError:
        return cast("Callable[..., Any]", _in_force.setdefault(key, import_string(setting())))


def clients_introduce_themselves() -> bool:
    """True if clients can exist that the operator has not registered."""
    return bool(REGISTRATION()) or CLIENT_ID_METADATA_DOCUMENTS()


def opened_by() -> str:
    """Name of the setting that lets unknown clients in; "" if none does."""
    if REGISTRATION() == "open":
        return REGISTRATION.name
    return CLIENT_ID_METADATA_DOCUMENTS.name if CLIENT_ID_METADATA_DOCUMENTS() else ""


def is_openid() -> bool:
    """True if this server is an OpenID Provider: exactly if clients can ask for the scope openid."""
    try:
        found: bool = _in_force["is_openid"]
        return found
    except KeyError:
        return cast("bool", _in_force.setdefault("is_openid", "openid" in SCOPES()))


def implied_scopes() -> scope.Implied:
    """All scopes that each scope implies, directly or through others, by SCOPE_IMPLIES."""
    try:
        found: scope.Implied = _in_force["implied_scopes"]
        return found
    except KeyError:
        return cast("scope.Implied", _in_force.setdefault("implied_scopes", scope.closure(SCOPE_IMPLIES())))


def pairwise_key() -> bytes:
    """Key of pairwise subjects; b"" if none is set."""
    return PAIRWISE_KEY().encode()


def trusted_proxies() -> TrustedProxies:
    """
    Proxies whose X-Forwarded-For header is believed.

    Raises:
        ValueError: the setting is wrong (E032).
    """
    try:
        return cast("TrustedProxies", _in_force["trusted_proxies"])
    except KeyError:
        return cast("TrustedProxies", _in_force.setdefault("trusted_proxies", TrustedProxies.parse(TRUSTED_PROXIES())))


def counts() -> bool:
    """True if metrics are counted: exactly if some setting lets anyone read them."""
    return bool(METRICS_ADDRESSES() or METRICS_SECRET())


def request_id_key() -> str:
    """REQUEST_ID_HEADER as a WSGI environ spells it; "HTTP_", which no header has, if the setting is empty."""
    try:
        return cast("str", _in_force["request_id_key"])
    except KeyError:
        key = "HTTP_" + REQUEST_ID_HEADER().upper().replace("-", "_")
        return cast("str", _in_force.setdefault("request_id_key", key))


@receiver(setting_changed, dispatch_uid="oauth_service.conf")
def _forget(**_: object) -> None:
    """Empty the cache when Django reports a changed setting, which happens in tests only."""
    _in_force.clear()
