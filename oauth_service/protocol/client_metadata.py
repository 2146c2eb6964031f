"""
Client metadata (RFC 7591 section 2, OpenID Connect Dynamic Client Registration 1.0 section 2).

MEMBERS is the only list of its members: commands take their options from it and print it, and registration reads it.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, Protocol
from urllib.parse import urlsplit

from . import client_assertion, redirect_uri, scope
from .grant_type import JWT_BEARER, faults_of_scopes, scopes_of
from .lifecycle import LONGEST_LIFETIME
from .subject import sector_of

SECRET_METHODS = ("client_secret_basic", "client_secret_post")


class Kind(Enum):
    """The form of a member in JSON and, after the semicolon, in its column."""

    TEXT = "a string; the same text"
    WORDS = "an array of strings; separated by spaces"
    LINES = "an array of strings; one a line"
    FLAG = "true or false; a boolean"
    NUMBER = "a number; an integer or None"
    SECONDS = "a number of seconds; a timedelta or None"
    JSON = "an object; its text"
    SCOPES = "an object of scopes by grant type; one a line, the grant type first"


@dataclass(frozen=True, slots=True)
class Member:
    """
    A member of a client's metadata.

    Attributes:
        name: as the specifications name it.
        column: the attribute of the client that holds it.
        kind: form of its values.
        openid: True if only an OpenID Provider has it.
        help: its meaning, for an operator.
        is_operators: True if only the operator sets it; a client that registers itself cannot.
    """

    name: str
    column: str
    kind: Kind
    openid: bool
    help: str
    is_operators: bool = False


def _plain(name: str, kind: Kind, text: str, *, column: str = "") -> Member:
    return Member(name, column or name, kind, False, text)


def _operators(name: str, kind: Kind, text: str) -> Member:
    return Member(name, name, kind, False, text, True)


def _openid(name: str, kind: Kind, text: str) -> Member:
    return Member(name, name, kind, True, text)


MEMBERS: tuple[Member, ...] = (
    _operators("client_id", Kind.TEXT, "identifier; random by default"),
    _plain("client_name", Kind.TEXT, "name that users see", column="name"),
    _operators("operator", Kind.TEXT, "operator that users see"),
    _operators("is_first_party", Kind.FLAG, "whether this service operates it; users see this"),
    _plain("client_uri", Kind.TEXT, "website that users see"),
    _plain("logo_uri", Kind.TEXT, "URL of its logo, which this server fetches once and serves itself"),
    _plain("policy_uri", Kind.TEXT, "its privacy policy"),
    _plain("tos_uri", Kind.TEXT, "its terms of service"),
    _plain("contacts", Kind.LINES, "e-mail address of an operator"),
    _plain("application_type", Kind.TEXT, "web or native"),
    _plain("redirect_uris", Kind.LINES, "redirect URI; compared character by character"),
    _plain("scope", Kind.TEXT, "all scopes it may request, separated by spaces"),
    _operators("client_credentials_scope", Kind.TEXT, "scopes it may get for itself; by default all of its scope"),
    _plain("grant_types", Kind.WORDS, "allowed grant type"),
    _operators(
        "may_impersonate", Kind.FLAG, "whether it may impersonate users, by token exchange without an actor_token"
    ),
    _operators("may_delegate", Kind.FLAG, "whether it may act for users, by token exchange with an actor_token"),
    _operators("exchangeable_by", Kind.LINES, "client_id of a service that may exchange the tokens of its users"),
    _operators(
        "may_revoke_users",
        Kind.FLAG,
        "whether it may end all connections and sessions of any user, by global token revocation",
    ),
    _plain("token_endpoint_auth_method", Kind.TEXT, "how it authenticates at the token endpoint"),
    _plain("token_endpoint_auth_signing_alg", Kind.TEXT, "signature algorithm of the JWTs with which it authenticates"),
    _plain("jwks", Kind.JSON, "its public keys as a JWK set, for private_key_jwt"),
    _plain("jwks_uri", Kind.TEXT, "https URL of its public keys, instead of jwks"),
    _operators("requires_pkce", Kind.FLAG, "whether its requests need a code_challenge"),
    _operators(
        "remembers_consent",
        Kind.FLAG,
        "whether users are not asked again if they have already allowed everything it requests",
    ),
    _operators("access_token_lifetime", Kind.SECONDS, "seconds; by default the server's setting"),
    _operators("refresh_token_lifetime", Kind.SECONDS, "seconds; by default the server's setting"),
    _operators(
        "connection_lifetime",
        Kind.SECONDS,
        "seconds; after that, users are asked again; by default the server's setting",
    ),
    _operators("grant_type_scopes", Kind.SCOPES, "grant type, a space, and all scopes that it may grant"),
    _operators(
        "introspection_resources", Kind.LINES, "identifier of one of its own APIs; it may ask about tokens for this API"
    ),
    _openid("id_token_signed_response_alg", Kind.TEXT, "signature algorithm of its ID tokens"),
    _openid(
        "userinfo_signed_response_alg",
        Kind.TEXT,
        "signature algorithm of its userinfo responses; none for unsigned JSON",
    ),
    _openid("subject_type", Kind.TEXT, "subject type: public or pairwise"),
    _openid("sector_identifier_uri", Kind.TEXT, "https URL whose host is its sector, for pairwise subjects"),
    _openid("default_max_age", Kind.NUMBER, "seconds after which users have to sign in again"),
    _openid("require_auth_time", Kind.FLAG, "whether its ID tokens need auth_time; on this server, all have it"),
    _openid("default_acr_values", Kind.WORDS, "requested authentication context class; the preferred one first"),
    _openid("initiate_login_uri", Kind.TEXT, "https URL of the client that starts a sign-in"),
    _openid("post_logout_redirect_uris", Kind.LINES, "URL to return to after a sign-out"),
    _openid("backchannel_logout_uri", Kind.TEXT, "URL that is notified of sign-outs with a logout token"),
    _openid("backchannel_logout_session_required", Kind.FLAG, "whether its logout tokens need sid"),
    _openid("frontchannel_logout_uri", Kind.TEXT, "URL that is notified of sign-outs in a frame"),
    _openid("frontchannel_logout_session_required", Kind.FLAG, "whether this URL needs iss and sid"),
)


class RegisteredClient(Protocol):
    """The columns that the rules of registration read."""

    @property
    def is_public(self) -> bool: ...
    @property
    def redirect_uri_list(self) -> tuple[str, ...]: ...
    @property
    def token_endpoint_auth_method(self) -> str: ...
    @property
    def token_endpoint_auth_signing_alg(self) -> str: ...
    @property
    def jwks(self) -> str: ...
    @property
    def jwks_uri(self) -> str: ...
    @property
    def access_token_lifetime(self) -> timedelta | None: ...
    @property
    def refresh_token_lifetime(self) -> timedelta | None: ...
    @property
    def connection_lifetime(self) -> timedelta | None: ...
    @property
    def scope(self) -> str: ...
    @property
    def grant_types(self) -> str: ...
    @property
    def grant_type_scopes(self) -> str: ...
    @property
    def id_token_signed_response_alg(self) -> str: ...
    @property
    def userinfo_signed_response_alg(self) -> str: ...
    @property
    def subject_type(self) -> str: ...
    @property
    def sector_identifier_uri(self) -> str: ...
    @property
    def initiate_login_uri(self) -> str: ...
    @property
    def backchannel_logout_uri(self) -> str: ...
    @property
    def frontchannel_logout_uri(self) -> str: ...
    def may_use(self, grant_type: str, /) -> bool: ...


def metadata_of(client: Any, *, openid: bool, is_for_client: bool = False) -> dict[str, Any]:
    """
    Return a client's metadata as JSON members, in the order of MEMBERS; members without a value are left out.

    Args:
        openid: True if the server is an OpenID Provider.
        is_for_client: True to leave out the members that only the operator sets.
    """
    found: dict[str, Any] = {}
    for member in MEMBERS:
        if (member.openid and not openid) or (member.is_operators and is_for_client):
            continue
        value = _to_json(getattr(client, member.column), member.kind)
        if value not in (None, "", []):
            found[member.name] = value
    if client.is_public:
        found["token_endpoint_auth_method"] = "none"
    return found | {"response_types": ["code"] if "authorization_code" in client.grant_types.split() else []}


def column_value(value: Any, kind: Kind) -> Any:
    """Convert the JSON value of a member to the value of its column."""
    match kind:
        case Kind.WORDS:
            return " ".join(value)
        case Kind.LINES:
            return "\n".join(value)
        case Kind.SECONDS:
            return None if value is None else timedelta(seconds=value)
        case Kind.JSON:
            return value if isinstance(value, str) else json.dumps(value)
        case Kind.SCOPES:
            return "\n".join([f"{name} {limit}" for name, limit in value.items()] if isinstance(value, dict) else value)
        case _as_it_is:
            return value


def faults_of(
    client: RegisteredClient, *, algorithms: Collection[str], can_pair: bool, implies: scope.Implied = scope.NOTHING
) -> Iterator[tuple[str, str]]:
    """
    Yield the contradictions in a client's registration, as pairs of column and sentence.

    Each column must be valid by itself.

    Args:
        algorithms: those that the server signs with.
        can_pair: True if the server can make pairwise subjects.
        implies: what scopes imply.
    """
    method = client.token_endpoint_auth_method
    if client.is_public and method not in ("", "none"):
        yield "token_endpoint_auth_method", "A public client has no secret to authenticate with: choose none."
    if not client.is_public and method == "none":
        yield (
            "token_endpoint_auth_method",
            "A confidential client authenticates: choose another method, or make it public.",
        )
    if client.is_public and client.may_use("client_credentials"):
        yield (
            "grant_types",
            "A public client cannot prove who it is, and so has no tokens of its own (client_credentials).",
        )
    if client.is_public and client.may_use(JWT_BEARER):
        yield "grant_types", "A public client cannot prove who it is, and so can present no assertion (jwt-bearer)."
    if not client.redirect_uri_list and client.may_use("authorization_code"):
        yield "redirect_uris", "An app that people sign in with needs a redirect URI."
    yield from _faults_of_keys(client)
    yield from _faults_of_limits(client, implies)
    for column in ("id_token_signed_response_alg", "userinfo_signed_response_alg"):
        algorithm = getattr(client, column)
        if algorithm and algorithm not in algorithms:
            yield column, f"This server signs with {', '.join(algorithms)}."
    yield from _faults_of_subject(client, can_pair=can_pair)
    yield from _faults_of_addresses(client)


def _faults_of_limits(client: RegisteredClient, implies: scope.Implied) -> Iterator[tuple[str, str]]:
    access = client.access_token_lifetime
    for column in ("access_token_lifetime", "refresh_token_lifetime", "connection_lifetime"):
        lifetime: timedelta | None = getattr(client, column)
        if lifetime is None:
            continue
        if lifetime < timedelta(seconds=1):
            yield column, "A lifetime is one second or more."
        elif lifetime > LONGEST_LIFETIME:
            yield column, f"A lifetime is {LONGEST_LIFETIME.days} days at most."
        elif access is not None and access > lifetime:
            yield column, "Access tokens end with their connection: it must not end before its access token lifetime."
    may_have = scope.expanded(client.scope, implies)
    for sentence in faults_of_scopes(client.grant_type_scopes, grant_types=client.grant_types, scope=may_have):
        yield "grant_type_scopes", sentence


def _faults_of_keys(client: RegisteredClient) -> Iterator[tuple[str, str]]:
    if client.jwks and client.jwks_uri:
        # Dynamic Client Registration section 2: they "MUST NOT be used together".
        yield "jwks_uri", "Register the keys or their address, not both."
    if client.jwks_uri and not is_key_set_address(client.jwks_uri):
        yield "jwks_uri", "The address of a key set is an https URL."
    method, algorithm = client.token_endpoint_auth_method, client.token_endpoint_auth_signing_alg
    if method == "private_key_jwt" and not client.jwks and not client.jwks_uri:
        yield "jwks", "A client that signs needs its public keys: register jwks or jwks_uri."
    if algorithm and not (allowed := client_assertion.algorithms_of(method, "")):
        yield "token_endpoint_auth_signing_alg", "Only a client that authenticates with a JWT has an algorithm for it."
    elif algorithm and algorithm not in allowed:
        yield "token_endpoint_auth_signing_alg", f"Choose of {', '.join(allowed)}."


def is_key_set_address(uri: str) -> bool:
    """Tell whether a jwks_uri may be registered."""
    # http to this machine is for trials; OAUTH_SERVICE_OUTBOUND_LOOPBACK has to allow it as well.
    try:
        parts = urlsplit(uri)
        return parts.scheme == "https" or (
            parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
        )
    except ValueError:
        return False


def _faults_of_subject(client: RegisteredClient, *, can_pair: bool) -> Iterator[tuple[str, str]]:
    # OpenID Connect Core section 8.1
    if client.sector_identifier_uri and urlsplit(client.sector_identifier_uri).scheme != "https":
        yield "sector_identifier_uri", "A sector identifier is an https URL."
    if client.subject_type != "pairwise":
        return
    if not can_pair:
        yield "subject_type", "Set OAUTH_SERVICE_PAIRWISE_KEY first: pairwise subjects are computed with it."
    if not sector_of(client.sector_identifier_uri, client.redirect_uri_list):
        yield (
            "sector_identifier_uri",
            "The redirect URIs have several hosts: a pairwise client needs a sector identifier.",
        )


def _faults_of_addresses(client: RegisteredClient) -> Iterator[tuple[str, str]]:
    if client.initiate_login_uri and urlsplit(client.initiate_login_uri).scheme != "https":
        yield "initiate_login_uri", "The login page of an app is an https URL."
    for column in ("backchannel_logout_uri", "frontchannel_logout_uri"):
        uri = getattr(client, column)
        # Back-Channel Logout section 2.2, Front-Channel Logout section 2: an absolute URI without a fragment.
        if uri and (fault := redirect_uri.fault_of(uri)):
            yield column, f"{uri} {fault}."
    # Front-Channel Logout section 2: "The domain, port, and scheme of this URL MUST be the same as that of a registered
    # Redirection URI value."
    front = client.frontchannel_logout_uri
    if front and _origin(front) not in set(map(_origin, client.redirect_uri_list)):
        yield "frontchannel_logout_uri", "No redirect URI has its scheme, host and port."


def _origin(uri: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(uri)
        return parts.scheme, parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return "", uri, None


def _to_json(value: Any, kind: Kind) -> Any:
    match kind:
        case Kind.WORDS | Kind.LINES:
            return value.split()
        case Kind.SECONDS:
            return None if value is None else int(value.total_seconds())
        case Kind.JSON:
            return json.loads(value) if value else None
        case Kind.SCOPES:
            return scopes_of(value) or None
        case _as_it_is:
            return value
