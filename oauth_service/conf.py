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
    none_means: str = ""
    """Meaning of None, in words; "" if None is not allowed."""
    zero_means: str = ""
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
    "The issuer identifier: the https URL of this server, without a trailing slash. Set it in production. "
    "Without it, the server uses the URL of each request, which is only as trustworthy as `ALLOWED_HOSTS`.",
)
SERVICE_NAME = Setting("OAUTH_SERVICE_SERVICE_NAME", str, "OAuth Service", "The name shown on every page.")
SUPPORT_CONTACT = Setting(
    "OAUTH_SERVICE_SUPPORT_CONTACT",
    str,
    "",
    "Where people get help: `mailto:` with one address, or an https URL. The consent page, error pages and security messages "
    "link to it. Without it the pages name no address.",
)
SCOPES: Setting[Mapping[str, str]] = Setting(
    "OAUTH_SERVICE_SCOPES",
    Mapping,
    {
        "user": cast("str", _("Your username and e-mail address")),
        "profile": cast("str", _("Your name and when your profile was last updated")),
    },
    "A dictionary of scopes. Each value says what the scope lets an app do, in the words of the consent page. "
    "Your dictionary replaces the default. `/userinfo/` needs `user` or `profile` in it.",
)
SCOPE_IMPLIES: Setting[Mapping[str, str]] = Setting(
    "OAUTH_SERVICE_SCOPE_IMPLIES",
    Mapping,
    {},
    "A dictionary of scopes. Each value lists the scopes that the scope implies, separated by spaces: with "
    "`{'notes': 'notes:read notes:write'}`, a token with `notes` may do both. It applies wherever scopes are "
    "compared. See [resources.md](resources.md#scopes-that-imply-others).",
)
RESOURCE = Setting(
    "OAUTH_SERVICE_RESOURCE",
    str,
    "",
    "The identifier of the API that protected views belong to, unless a view names another with "
    "`protect(resource=…)`. A token requested without `resource` is for this API. See "
    "[resources.md](resources.md).",
)
INTROSPECTION = Setting(
    "OAUTH_SERVICE_INTROSPECTION",
    bool,
    False,
    "Switch on `/introspect/`, where APIs and clients ask about tokens. See [introspection.md](introspection.md).",
)
GLOBAL_TOKEN_REVOCATION = Setting(
    "OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION",
    bool,
    False,
    "Switch on `/global-token-revocation/`, where a client with that permission ends all connections and "
    "sessions of a user with one request. See [revocation.md](revocation.md).",
)
GLOBAL_TOKEN_REVOCATION_USERS = Setting(
    "OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION_USERS",
    str,
    "",
    "The dotted path of a function `(sub_id, client_id) -> users` that finds the users of a subject identifier "
    "(RFC 9493) in such a request. It returns a list, empty if there is no such user. Without it, the server "
    "understands `iss_sub`, `opaque` and `email`, and every user can be named. See "
    "[revocation.md](revocation.md).",
)
AUTHORIZATION_CODE_LIFETIME = Setting(
    "OAUTH_SERVICE_AUTHORIZATION_CODE_LIFETIME",
    timedelta,
    timedelta(minutes=1),
    "How long a code can be exchanged for tokens (RFC 6749 section 4.1.2).",
    least=timedelta(seconds=1),
    most=timedelta(minutes=10),
    check="E004",
)
DEVICE_AUTHORIZATION = Setting(
    "OAUTH_SERVICE_DEVICE_AUTHORIZATION",
    bool,
    False,
    "Let users connect devices that have no browser (RFC 8628). It switches on the device authorization "
    "endpoint, the page `/device/` and the grant type. See [device.md](device.md).",
)
DEVICE_CODE_LIFETIME = Setting(
    "OAUTH_SERVICE_DEVICE_CODE_LIFETIME",
    timedelta,
    timedelta(minutes=10),
    "How long a device waits for a user to enter its code and allow it.",
    least=timedelta(minutes=1),
    most=timedelta(hours=1),
)
DEVICE_CODE_INTERVAL = Setting(
    "OAUTH_SERVICE_DEVICE_CODE_INTERVAL",
    timedelta,
    timedelta(seconds=5),
    "How long a device must wait between two polls, in whole seconds. The wait grows by five seconds each time "
    "the device polls too early.",
    least=timedelta(seconds=1),
    most=timedelta(minutes=1),
)
ACCESS_TOKEN_LIFETIME = Setting(
    "OAUTH_SERVICE_ACCESS_TOKEN_LIFETIME",
    timedelta,
    timedelta(hours=1),
    "How long an access token is valid.",
    least=timedelta(seconds=1),
    most=LONGEST_LIFETIME,
)
REFRESH_TOKEN_LIFETIME: Setting[timedelta | None] = Setting(
    "OAUTH_SERVICE_REFRESH_TOKEN_LIFETIME",
    timedelta,
    timedelta(days=30),
    "How long a connection lasts without a refresh. Every refresh starts this time again.",
    least=timedelta(seconds=1),
    most=LONGEST_LIFETIME,
    none_means="until somebody ends it",
)
REFRESH_RETRY_WINDOW = Setting(
    "OAUTH_SERVICE_REFRESH_RETRY_WINDOW",
    timedelta,
    timedelta(minutes=2),
    "How long a refresh token that was just replaced still gets the same successor, in case a response was "
    "lost. It is never longer than half the lifetime of the client's access tokens, and shorter for clients "
    "that refresh more often than every few minutes.",
    least=timedelta(0),
    most=timedelta(minutes=10),
    check="E005",
)
END_SHARED_CONNECTIONS = Setting(
    "OAUTH_SERVICE_END_SHARED_CONNECTIONS",
    bool,
    False,
    "End a connection if its refresh tokens are repeatedly used twice within the retry window. Two parties may "
    "hold them, or several processes of one app refresh at once. The event `refresh_shared` is sent in either "
    "case.",
)
CONNECTION_LIFETIME: Setting[timedelta | None] = Setting(
    "OAUTH_SERVICE_CONNECTION_LIFETIME",
    timedelta,
    None,
    "How long a connection lasts in total, however often it is refreshed. After that, the user is asked again.",
    least=timedelta(seconds=1),
    most=LONGEST_LIFETIME,
    none_means="as long as it is refreshed",
    check="E010",
)
END_CONNECTIONS_ON_PASSWORD_CHANGE = Setting(
    "OAUTH_SERVICE_END_CONNECTIONS_ON_PASSWORD_CHANGE",
    bool,
    False,
    "End all connections and pending codes of a user whose password changes. See [passwords.md](passwords.md).",
)
TOKEN_KEY = Setting(
    "OAUTH_SERVICE_TOKEN_KEY",
    str,
    "",
    "The key that seals codes and tokens against forgery: 32 random characters or more. Without it, the server "
    "derives the key from `SECRET_KEY`. With it, `SECRET_KEY` is not used for tokens. "
    "[token-key.md](token-key.md) explains how to set and replace it.",
)
TOKEN_KEY_FALLBACKS: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_TOKEN_KEY_FALLBACKS",
    (list, tuple),
    (),
    "Keys that the server accepts in addition to `OAUTH_SERVICE_TOKEN_KEY`: earlier keys, and the key that will "
    "replace it. Servers without a token key use `SECRET_KEY_FALLBACKS`.",
)
CLAIMS = Setting(
    "OAUTH_SERVICE_CLAIMS",
    str,
    "oauth_service.claims.claims_of",
    "The dotted path of the function `(user, scope) -> dict` that returns the claims for `/userinfo/`.",
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
    "The key that computes pairwise subjects: 32 random characters or more. It is required as soon as a client "
    "has pairwise subjects. Never change it: every such client would see new users.",
)
AUTHENTICATION_EVENT = Setting(
    "OAUTH_SERVICE_AUTHENTICATION_EVENT",
    str,
    "",
    "The dotted path of a function `(request) -> dict` that describes how the user of a session signed in: "
    "`auth_time` (an aware datetime), `acr`, `amr` (a list). Members that it leaves out keep their values.",
)
ACR = Setting(
    "OAUTH_SERVICE_ACR",
    str,
    "",
    "The Authentication Context Class Reference (`acr`) of an ordinary sign-in, such as `1`. You and your "
    "clients agree on its values. ID tokens contain it, unless `OAUTH_SERVICE_AUTHENTICATION_EVENT` returns "
    "another.",
)
CLAIMS_SUPPORTED: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_CLAIMS_SUPPORTED",
    (list, tuple),
    (
        *("name", "given_name", "family_name", "preferred_username", "updated_at"),
        *("email", "email_verified", "address", "phone_number", "phone_number_verified"),
    ),
    "The claims that `OAUTH_SERVICE_CLAIMS` may return, for the metadata (OpenID Connect).",
)
STEP_UP_URLS: Setting[Mapping[str, str]] = Setting(
    "OAUTH_SERVICE_STEP_UP_URLS",
    Mapping,
    {},
    "A dictionary of `acr` values. Each value is the URL, or the URL name, of the page where users sign in at "
    "that level, for example with a second factor. The page receives `next`.",
)
EXCHANGE_POLICY = Setting(
    "OAUTH_SERVICE_EXCHANGE_POLICY",
    str,
    "",
    "The dotted path of a function `(exchange) -> exchange` that makes the final decision on every token "
    "exchange: it can refuse or narrow it. Without it, only the registrations of the clients decide. See "
    "[token-exchange.md](token-exchange.md).",
)
EXCHANGE_USER = Setting(
    "OAUTH_SERVICE_EXCHANGE_USER",
    str,
    "",
    "The dotted path of a function `(claims) -> user` that finds the user of a trusted issuer's JWT when the "
    "JWT is exchanged; `None` if there is no such user. Without it, these JWTs are not accepted as subject "
    "tokens. See [token-exchange.md](token-exchange.md).",
)
OUTBOUND_LOOPBACK = Setting(
    "OAUTH_SERVICE_OUTBOUND_LOOPBACK",
    bool,
    False,
    "Allow this server to send requests to clients on its own machine, also over http. For trials only.",
)
AUDIT_LIFETIME: Setting[timedelta | None] = Setting(
    "OAUTH_SERVICE_AUDIT_LIFETIME",
    timedelta,
    timedelta(days=90),
    "How long the audit trail keeps an event.",
    least=timedelta(hours=1),
    most=LONGEST_AUDIT_LIFETIME,
    none_means="for ever",
    zero_means="no trail",
)
REQUEST_BODY_LIMIT = Setting(
    "OAUTH_SERVICE_REQUEST_BODY_LIMIT",
    int,
    65_536,
    "The longest request body that the server reads, in bytes. It cannot be more than Django's "
    "`DATA_UPLOAD_MAX_MEMORY_SIZE`.",
    least=1024,
    most=2**26,
    check="E011",
)
FAILURE_LIMIT = Setting(
    "OAUTH_SERVICE_FAILURE_LIMIT",
    int,
    10,
    "How many sign-ins to one account, or authentications of one client, may fail from one address within "
    "`OAUTH_SERVICE_FAILURE_WINDOW`. After that, the server answers 429 with the time to wait.",
    least=1,
    most=1000,
    check="E017",
)
FAILURE_WINDOW = Setting(
    "OAUTH_SERVICE_FAILURE_WINDOW",
    timedelta,
    timedelta(minutes=5),
    "The time span in which failures are counted.",
    least=timedelta(seconds=1),
    most=timedelta(days=1),
    check="E017",
)
THROTTLE_CACHE = Setting(
    "OAUTH_SERVICE_THROTTLE_CACHE",
    str,
    "default",
    "The name, in `CACHES`, of the cache that counts failures. With a cache in memory (`LocMemCache`), each "
    "process counts separately.",
)
TRUSTED_PROXIES: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_TRUSTED_PROXIES",
    (list, tuple),
    ("127.0.0.0/8", "::1", "unix"),
    "Addresses and networks of proxies whose `X-Forwarded-For` is trusted, and `unix` for proxies that connect "
    "through a Unix socket. Failures are counted for the client's address. If a proxy is missing here, all its "
    "clients share one address. The proxy must set the header or append to it, and never pass it on unchanged.",
)

REQUEST_ID_HEADER = Setting(
    "OAUTH_SERVICE_REQUEST_ID_HEADER",
    str,
    "",
    "The header in which a trusted proxy sends its ID of a request, such as `X-Request-ID`. The ID becomes the "
    "reference on error pages and in the log. Set it only if the proxy replaces any value that clients send.",
)

METRICS_ADDRESSES: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_METRICS_ADDRESSES",
    (list, tuple),
    (),
    "Addresses and networks that may read `/metrics/`, such as `127.0.0.1` (extra `metrics`). Nothing is "
    "counted unless this or the secret is set.",
)
METRICS_SECRET = Setting(
    "OAUTH_SERVICE_METRICS_SECRET",
    str,
    "",
    "A secret of 32 random characters or more. A request that sends it as a bearer token may read `/metrics/` "
    "from any address.",
)

SIGNING_ALGORITHMS: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_SIGNING_ALGORITHMS",
    (list, tuple),
    ("RS256", "ES256", "PS256", "EdDSA"),
    "The signature algorithms that clients can choose for their ID tokens. `RS256` must be one of them (OpenID "
    "Connect, extra `oidc`).",
)
SIGNING_KEY_LIFETIME: Setting[timedelta | None] = Setting(
    "OAUTH_SERVICE_SIGNING_KEY_LIFETIME",
    timedelta,
    timedelta(days=90),
    "How long a signing key is used before the server replaces it with a new one. See [keys.md](keys.md).",
    least=timedelta(days=2),
    most=timedelta(days=730),
    none_means="until somebody replaces it",
    check="E022",
)
SIGNING_KEYS: Setting[Sequence[str | tuple[str, str]]] = Setting(
    "OAUTH_SERVICE_SIGNING_KEYS",
    (list, tuple),
    (),
    "Private keys in PEM that the server uses instead of creating its own. The first key of each algorithm "
    'signs; the others are published. `("PS256", pem)` names the algorithm of an RSA key that is not for RS256.',
    has_pairs=True,
)
SIGNER = Setting(
    "OAUTH_SERVICE_SIGNER",
    str,
    "",
    "The dotted path of an object that signs elsewhere, such as in a KMS or an HSM, or of a function without "
    "arguments that returns one. The object has the methods `public_jwks()` and `sign(kid, alg, "
    "signing_input)`.",
)

ASSERTIONS_FOR_TOKEN_ENDPOINT = Setting(
    "OAUTH_SERVICE_ASSERTIONS_FOR_TOKEN_ENDPOINT",
    bool,
    False,
    "Accept a client assertion whose audience is the URL of the token endpoint, or that has several audiences, "
    "as older clients send them. Otherwise the audience must be the issuer alone. See "
    "[client-authentication.md](client-authentication.md).",
)

JWT_BEARER_USER = Setting(
    "OAUTH_SERVICE_JWT_BEARER_USER",
    str,
    "",
    "The dotted path of a function `(claims) -> user` that finds the user of a trusted issuer's JWT; `None` if "
    "there is no such user. Without it, the grant type `urn:ietf:params:oauth:grant-type:jwt-bearer` is off. "
    "See [jwt-bearer.md](jwt-bearer.md).",
)

REGISTRATION = Setting(
    "OAUTH_SERVICE_REGISTRATION",
    str,
    "",
    "Which clients may register themselves (RFC 7591): `open` for any client, `token` for clients with an "
    "initial access token. Without it, there is no registration endpoint. See "
    "[registration.md](registration.md).",
)
CLIENT_ID_METADATA_DOCUMENTS = Setting(
    "OAUTH_SERVICE_CLIENT_ID_METADATA_DOCUMENTS",
    bool,
    False,
    "Accept a `client_id` that is the https URL of a document describing the client. Assistants and editors "
    "that speak MCP use this. The limits of registration apply to these clients, too. See "
    "[registration.md](registration.md#client-id-metadata-documents).",
)
CLIENT_ID_METADATA_ALLOWED_HOSTS: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_CLIENT_ID_METADATA_ALLOWED_HOSTS",
    (list, tuple),
    (),
    "The hosts whose documents are accepted, written as in `ALLOWED_HOSTS`: `app.example`, or `.app.example` to "
    "include its subdomains. Empty accepts any host.",
)
CLIENT_ID_METADATA_BLOCKED_HOSTS: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_CLIENT_ID_METADATA_BLOCKED_HOSTS",
    (list, tuple),
    (),
    "The hosts whose documents are refused, written the same way. A host in both settings is blocked.",
)
REGISTRATION_SCOPES: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_REGISTRATION_SCOPES",
    (list, tuple),
    (),
    "The scopes that clients can request if they register themselves. Empty allows every scope of this server "
    "and of the resources that are open to every client.",
)
REGISTRATION_REQUIRES_PKCE = Setting(
    "OAUTH_SERVICE_REGISTRATION_REQUIRES_PKCE",
    bool,
    True,
    "Require PKCE from confidential web clients that register themselves. Public and native clients always need "
    "it. Some OpenID Connect clients do not support it.",
)
REGISTRATION_LIFETIME = Setting(
    "OAUTH_SERVICE_REGISTRATION_LIFETIME",
    timedelta,
    timedelta(days=7),
    "How long a client that registered itself without an initial access token is kept until a user connects it. "
    "After that, it is deleted.",
    least=timedelta(hours=1),
    most=timedelta(days=365),
    check="E026",
)
REGISTRATION_LIMIT = Setting(
    "OAUTH_SERVICE_REGISTRATION_LIMIT",
    int,
    60,
    "How many clients may register themselves or change their registration from one address within an hour "
    "without an initial access token. After that, the server answers 429 with the time to wait.",
    least=1,
    most=100_000,
    check="E026",
)
REGISTRATION_MOST_WAITING = Setting(
    "OAUTH_SERVICE_REGISTRATION_MOST_WAITING",
    int,
    10_000,
    "How many clients that registered themselves without an initial access token may wait for a user to connect "
    "them. After that, the server answers 503 to new ones.",
    least=1,
    most=1_000_000,
    check="E026",
)

KNOWN_CLIENT_HOSTS: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_KNOWN_CLIENT_HOSTS",
    (list, tuple),
    (),
    "Host names of websites that you know, such as `app.example`. If an app of such a website introduces "
    "itself, the consent page says that you know the website. See [consent.md](consent.md).",
)
CHOOSE_SCOPES = Setting(
    "OAUTH_SERVICE_CHOOSE_SCOPES",
    str,
    "unchecked",
    "The apps for which users can untick scopes on the consent page: `unchecked` for apps that you have not "
    "checked, `always`, or `never`. See [consent.md](consent.md#choosing-scopes).",
)
REQUIRED_SCOPES: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_REQUIRED_SCOPES",
    (list, tuple),
    (),
    "Scopes that users cannot untick. `openid` is always one of them.",
)
ACTION_SCOPES: Setting[Sequence[str]] = Setting(
    "OAUTH_SERVICE_ACTION_SCOPES",
    (list, tuple),
    (),
    "Scopes that let an app do something instead of see something. Their words start with a verb, such as “Order refills”, and "
    "stand under “will be able to:” on the consent page. [consent.md](consent.md#words-for-scopes) says more.",
)

REMOTE_ISSUERS: Setting[Mapping[str, Mapping[str, str]]] = Setting(
    "OAUTH_SERVICE_REMOTE_ISSUERS",
    Mapping,
    {},
    "Other authorization servers whose access tokens protected views accept. The keys are issuer identifiers. A "
    "value is `{}` for JWTs, or has `client_id` and `client_secret` to ask by introspection. "
    "[drf.md](drf.md#an-api-in-another-project) lists all options.",
    has_options=True,
)
REMOTE_CACHE = Setting(
    "OAUTH_SERVICE_REMOTE_CACHE",
    timedelta,
    timedelta(seconds=10),
    "How long the answer of another server that a token is active is remembered. A token that was revoked there "
    "stays valid here for up to this time. Zero asks each time.",
    least=timedelta(0),
    most=timedelta(minutes=5),
)

ALL: tuple[Setting[object], ...] = tuple(value for value in list(globals().values()) if isinstance(value, Setting))


class RequestOrigin(Protocol):
    """The origin that a request was sent to; Django's request and ProgramRequest both fit."""

    @property
    def scheme(self) -> str | None: ...
    @property
    def get_host(self) -> Callable[[], str]: ...


def issuer_of(request: RequestOrigin) -> str:
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


def setting_for_unknown_clients() -> str:
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
