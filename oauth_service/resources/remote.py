"""
Access tokens of other authorization servers: JWTs are verified by their keys (RFC 9068), others by introspection (RFC
7662).

This module is imported only if OAUTH_SERVICE_REMOTE_ISSUERS names an issuer.
"""

import base64
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ImproperlyConfigured
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from .. import conf
from ..clients import key_sets
from ..models import Document
from ..models import user as users
from ..outbound import documents
from ..protocol import jwt, remote_token
from ..protocol import scope as scopes
from ..protocol.errors import InvalidToken, TemporarilyUnavailable
from ..protocol.jwt import InvalidJWT, UnverifiedJWT
from ..protocol.openid import AuthenticationEvent
from ..protocol.secret import Secret
from ..tokens import access_token
from ..tokens.access_token import Bearer

MOST_BYTES = 64 * 1024
MOST_KEPT = 10_000
"""Most introspection answers that a process caches."""
REREAD_SECONDS = 30.0
_NOT_VALID = "the access token is not valid"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteBearer:
    """
    The facts that an access token of another authorization server stands for.

    Attributes:
        issuer: the issuer that vouches for it.
        subject: sub at that issuer; "" if unknown.
        user: this project's user for the subject; None for a client's own token, and if no function finds users.
        client_id: the client at that issuer that the token was issued to; "" if unknown.
        scope: including everything that it implies here.
        expires_at: aware.
        audience: identifiers of the APIs that it is for; empty only if introspection named none.
        event: the user's sign-in, if the issuer described it.
        claims: everything that the issuer said.
    """

    issuer: str
    subject: str
    user: AbstractBaseUser | None
    client_id: str
    scope: frozenset[str]
    expires_at: datetime
    audience: frozenset[str]
    event: AuthenticationEvent | None = field(default=None, repr=False)
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def represents_user(self) -> bool:
        """True if it stands for a user. The sub of a client's own token is its client_id (RFC 9068 section 2.2)."""
        return bool(self.subject) and self.subject != self.client_id

    @property
    def source(self) -> str:
        """A description of the token's origin, for the log."""
        return f"sub {self.subject[:100]!r} of {self.issuer}, client {self.client_id[:100]!r}"


@dataclass(frozen=True, slots=True)
class _Keys:
    """The location of an issuer's keys, in the form that key_sets expects."""

    jwks_uri: str
    jwks: str = ""


def verify(text: Secret, *, issuer: str, now: datetime) -> Bearer | RemoteBearer:
    """
    Verify an access token of this server or of a trusted issuer.

    A JWT names its issuer and is verified for that one only. Any other token is looked up on this server first, and
    then, if it is not valid here, at the issuer that is asked by introspection.

    Args:
        issuer: of this server.

    Raises:
        InvalidToken: no trusted issuer vouches for it.
        TemporarilyUnavailable: its issuer cannot be asked, or has no usable keys, at the moment.
    """
    token = text.reveal()
    try:
        unverified = jwt.read(token) if token.startswith("eyJ") else None
    except InvalidJWT:
        unverified = None
    asked = _asked_by_introspection()
    if unverified and (named := unverified.text_of("iss")) in conf.REMOTE_ISSUERS():
        if named in asked:
            return _introspected(token, named, now=now)
        return _of_jwt(unverified, named, now=now)
    if unverified or not asked:
        return access_token.verify(text, issuer=issuer, now=now)
    remote = asked[0]
    if found := _answers.get(token, now=now):
        return found
    if is_server():
        try:
            return access_token.verify(text, issuer=issuer, now=now)
        except InvalidToken:
            pass  # a token that is invalid here may be valid there, and the lookup here has no side effects
    return _introspected(token, remote, now=now)


def is_server() -> bool:
    """Return whether this project issues tokens itself: its URLs include the token endpoint."""
    try:
        reverse("oauth_service:token")
    except NoReverseMatch:
        return False
    return True


def _asked_by_introspection() -> list[str]:
    return [issuer for issuer, options in conf.REMOTE_ISSUERS().items() if "client_id" in options]


# -- JWTs --------------------------------------------------------------------------------------------------------------


def _of_jwt(unverified: UnverifiedJWT, issuer: str, *, now: datetime) -> RemoteBearer:
    try:
        remote_token.check_jwt(unverified, issuer=issuer, now=now)
        keys = _Keys(conf.REMOTE_ISSUERS()[issuer].get("jwks_uri") or _endpoint(issuer, "jwks_uri"))
        key_sets.verify_signature(unverified, keys)
    except key_sets.KeysUnavailable as cause:
        raise _unavailable(issuer, cause.detail) from None
    except InvalidJWT as cause:
        raise InvalidToken(_NOT_VALID, detail=f"a JWT of {issuer}: {cause.detail}") from None
    return _bearer(issuer, unverified.claims)


# -- introspection -----------------------------------------------------------------------------------------------------


class _Answers:
    """
    A cache of the tokens that an issuer called active, for at most conf.REMOTE_CACHE and until they expire.

    Only digests of the tokens are kept. Inactive tokens are not cached.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, tuple[float, RemoteBearer]] = OrderedDict()
        self._lock = Lock()

    def get(self, token: str, *, now: datetime) -> RemoteBearer | None:
        """Return the cached answer if it is still valid; otherwise None."""
        found = self._kept.get(_digest(token))
        if found is None or time.monotonic() >= found[0] or found[1].expires_at <= now:
            return None
        return found[1]

    def keep(self, token: str, found: RemoteBearer) -> None:
        """Cache an answer, and drop the oldest if there are too many."""
        if not (lifetime := conf.REMOTE_CACHE().total_seconds()):
            return
        with self._lock:
            self._kept[_digest(token)] = (time.monotonic() + lifetime, found)
            self._kept.move_to_end(_digest(token))
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()


_answers = _Answers()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _introspected(token: str, issuer: str, *, now: datetime) -> RemoteBearer:
    if found := _answers.get(token, now=now):
        return found
    claims = _ask(token, issuer)
    if fault := remote_token.fault_of_introspection(claims, issuer=issuer, now=now):
        raise InvalidToken(_NOT_VALID, detail=f"{issuer}: {fault}")
    made = _bearer(issuer, claims)
    _answers.keep(token, made)
    return made


def _ask(token: str, issuer: str) -> Mapping[str, Any]:
    from ..outbound.fetch import FetchFailed, fetch

    options = conf.REMOTE_ISSUERS()[issuer]
    url = options.get("introspection_endpoint") or _endpoint(issuer, "introspection_endpoint")
    # "encoded using the application/x-www-form-urlencoded encoding algorithm" (RFC 6749 section 2.3.1).
    pair = ":".join(quote_plus(options[name]) for name in ("client_id", "client_secret"))
    headers = {
        "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
    }
    body = urlencode({"token": token, "token_type_hint": "access_token"}).encode()
    try:
        response = fetch(url, method="POST", headers=headers, body=body, most_bytes=MOST_BYTES)
    except FetchFailed as cause:
        raise _unavailable(issuer, cause.detail) from None
    if response.status != 200:
        raise _unavailable(issuer, f"{url} answered {response.status}: does it know this project's client?")
    try:
        claims = json.loads(response.body)
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise _unavailable(issuer, f"{url} answered no JSON object")
    return claims


# -- both --------------------------------------------------------------------------------------------------------------


def _bearer(issuer: str, claims: Mapping[str, Any]) -> RemoteBearer:
    said = remote_token.read(claims)
    return RemoteBearer(
        issuer=issuer,
        subject=said.subject,
        user=None,
        client_id=said.client_id,
        scope=frozenset(scopes.expanded(said.scope, conf.implied_scopes()).split()),
        expires_at=datetime.fromtimestamp(said.expires_at, UTC),
        audience=said.audience,
        event=said.event,
        claims=dict(claims),
    )


def with_user(found: RemoteBearer) -> RemoteBearer:
    """
    Return the bearer with the project's user for it. The user is looked up on each request, as users can be
    deactivated.

    Raises:
        InvalidToken: there is no such user, or the user is not active, or all backends refuse the user.
    """
    path = conf.REMOTE_ISSUERS()[found.issuer].get("user")
    if not path or not found.represents_user:
        return found
    said: Any = import_string(path)(dict(found.claims))
    if said is not None and not isinstance(said, get_user_model()):
        raise ImproperlyConfigured(f"{conf.REMOTE_ISSUERS.name}: {path} must return a user of this project, or None.")
    if said is None or not _may_act(said):
        who = "no user" if said is None else f"user {said.pk}, who is inactive or refused by all backends"
        raise InvalidToken(_NOT_VALID, detail=f"the project finds {who} for {found.source}")
    values = {name: getattr(found, name) for name in RemoteBearer.__dataclass_fields__}
    return RemoteBearer(**{**values, "user": said})


def _may_act(user: Any) -> bool:
    # A project without users of its own may return one that is not stored.
    return user.is_active and (user.pk is None or users.are_plain() or users.admitted(user.pk) is not None)


_metadata: dict[str, tuple[float, Mapping[str, Any]]] = {}


def _endpoint(issuer: str, name: str) -> str:
    """
    Return a member of an issuer's metadata (RFC 8414, OpenID Connect Discovery 1.0), from a stale copy while the issuer
    is down.

    Raises:
        TemporarilyUnavailable: the metadata is not available, or lacks the member.
    """
    held = _metadata.get(issuer)
    if held is None or time.monotonic() >= held[0]:
        held = _metadata[issuer] = (time.monotonic() + REREAD_SECONDS, _discovered(issuer))
    found = held[1].get(name)
    if not isinstance(found, str) or not found:
        raise _unavailable(issuer, f"its metadata has no {name}")
    return found


def _discovered(issuer: str) -> Mapping[str, Any]:
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")

    def keep(body: bytes) -> bytes:
        remote_token.check_metadata(body, issuer=issuer)
        return body

    rules = documents.Rules(accept="application/json", most_bytes=MOST_BYTES, keep=keep)
    faults = []
    for url in (
        f"{origin}/.well-known/oauth-authorization-server{path}",
        f"{origin}{path}/.well-known/openid-configuration",
    ):
        try:
            found: dict[str, Any] = json.loads(documents.read(url, kind=Document.Kind.METADATA, rules=rules))
        except documents.DocumentUnavailable as cause:
            faults.append(cause.detail)
        else:
            return found
    raise _unavailable(issuer, "; ".join(faults))


def _unavailable(issuer: str, detail: str) -> TemporarilyUnavailable:
    return TemporarilyUnavailable(
        "the issuer of the access token cannot be asked at the moment", detail=f"{issuer}: {detail}"
    )


def forget() -> None:
    """Clear the caches of this process."""
    _metadata.clear()
    _answers.forget()
