"""
Access tokens of other authorization servers: JWTs by their keys (RFC 9068), all others by introspection (RFC 7662).

Nothing of this is imported unless OAUTH_SERVICE_REMOTE_ISSUERS names somebody.
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
"""How many answers of introspection a process keeps, and how many metadata documents and users' functions at the most."""
REREAD_SECONDS = 30.0
_NOT_VALID = "the access token is not valid"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteBearer:
    """
    What an access token of another authorization server stands for.

    Attributes:
        issuer: that vouches for it.
        subject: sub at that issuer; "" if it said none.
        user: whom the project says that the subject is here; None without a function for that, and for a client's own token.
        client_id: that the token was issued to, at that issuer; "" if it said none.
        scope: with all that it implies here.
        expires_at: aware.
        audience: identifiers of the APIs that it is for; empty only if introspection named none.
        event: how the person signed in, if the issuer has said so.
        claims: all that the issuer has said.
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
    def is_of_person(self) -> bool:
        """Whether it stands for somebody; the sub of a client's own token is its client_id (RFC 9068 section 2.2)."""
        return bool(self.subject) and self.subject != self.client_id

    @property
    def source(self) -> str:
        """What it hangs on, for the log."""
        return f"sub {self.subject[:100]!r} of {self.issuer}, client {self.client_id[:100]!r}"


@dataclass(frozen=True, slots=True)
class _Keys:
    """Where the keys of an issuer are, as key_sets asks for them."""

    jwks_uri: str
    jwks: str = ""


def verify(text: Secret, *, issuer: str, now: datetime) -> Bearer | RemoteBearer:
    """
    Verify an access token of this server or of those that are named.

    A JWT says who issued it; it goes to nobody else. Any other token is this server's own, or else the issuer is asked that
    answers introspection.

    Args:
        issuer: of this server.

    Raises:
        InvalidToken: nobody who is trusted vouches for it.
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
            pass  # what is dead here may be alive there, and tells nobody anything
    return _introspected(token, remote, now=now)


def is_server() -> bool:
    """Whether this project issues tokens itself: its URLs have the token endpoint."""
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
    Tokens that an issuer has called active, for conf.REMOTE_CACHE at most, and never beyond their end.

    Only their digests are kept. What was called inactive is asked again.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, tuple[float, RemoteBearer]] = OrderedDict()
        self._lock = Lock()

    def get(self, token: str, *, now: datetime) -> RemoteBearer | None:
        """The answer that is still good; None for none."""
        found = self._kept.get(_digest(token))
        if found is None or time.monotonic() >= found[0] or found[1].expires_at <= now:
            return None
        return found[1]

    def keep(self, token: str, found: RemoteBearer) -> None:
        """Keep an answer; the oldest makes room."""
        if not (lifetime := conf.REMOTE_CACHE().total_seconds()):
            return
        with self._lock:
            self._kept[_digest(token)] = (time.monotonic() + lifetime, found)
            self._kept.move_to_end(_digest(token))
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)

    def forget(self) -> None:
        """Forget them all."""
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
    The same with the user whom the project says that it stands for: asked anew for each request, as users are switched off.

    Raises:
        InvalidToken: for nobody, or somebody who is not active.
    """
    path = conf.REMOTE_ISSUERS()[found.issuer].get("user")
    if not path or not found.is_of_person:
        return found
    said: Any = import_string(path)(dict(found.claims))
    if said is not None and not isinstance(said, get_user_model()):
        raise ImproperlyConfigured(f"{conf.REMOTE_ISSUERS.name}: {path} must return a user of this project, or None.")
    if said is None or not said.is_active:
        who = "nobody" if said is None else f"user {said.pk}, who is not active"
        raise InvalidToken(_NOT_VALID, detail=f"{found.source} is {who} in this project")
    values = {name: getattr(found, name) for name in RemoteBearer.__dataclass_fields__}
    return RemoteBearer(**{**values, "user": said})


_metadata: dict[str, tuple[float, Mapping[str, Any]]] = {}


def _endpoint(issuer: str, name: str) -> str:
    """
    What the metadata of an issuer names (RFC 8414, OpenID Connect Discovery 1.0); stale while the issuer is down.

    Raises:
        TemporarilyUnavailable: it cannot be had, or names none.
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
    """Forget what this process holds."""
    _metadata.clear()
    _answers.forget()
