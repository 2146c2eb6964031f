"""
Codes and tokens that prove themselves by HMAC (RFC 2104): PREFIX_ + base64url(payload + MAC).

The MAC is HMAC-SHA-256. Its key is derived by HMAC from the server's token key and a secret in the row that the payload names. So
neither a stolen database nor a stolen token key is enough to forge a token, and without its row a token is void. A token that was
only read is a claim; verify() proves it.
"""

import base64
import binascii
import hmac
import json
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, ClassVar, Generic, Self, TypeVar
from uuid import UUID

from ..values import value_class
from .errors import OAuthError

SECRET_BYTES = 32
_MAC_BYTES = 32
_MAX_LENGTH = 4096
_BASE64URL = re.compile(r"[A-Za-z0-9\-_]+")


class Unproven(OAuthError):
    """The text is not a code or token of this kind, or its MAC is wrong."""

    error = "invalid_grant"


class Payload:
    """The content of a code or token: fixed fields first, then at most one text of free length."""

    prefix: ClassVar[str]
    versions: ClassVar[frozenset[int]] = frozenset({1})

    @property
    def version(self) -> int:
        """Version of the layout that pack() makes; it precedes the payload."""
        return 1

    @property
    def row_id(self) -> UUID:
        """The row whose secret seals this payload."""
        raise NotImplementedError

    def pack(self) -> bytes:
        """Return the payload as bytes."""
        raise NotImplementedError

    @classmethod
    def unpack(cls, payload: bytes, version: int) -> Self:
        """Read a payload of one of versions; struct.error or ValueError if the bytes are not of this version."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePayload(Payload):
    """The content of a code that is exchanged once: the id of its row, and nothing else."""

    code_id: UUID

    @property
    def row_id(self) -> UUID:
        return self.code_id

    def pack(self) -> bytes:
        return self.code_id.bytes

    @classmethod
    def unpack(cls, payload: bytes, version: int) -> Self:
        return cls(code_id=UUID(bytes=payload))


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationCode(CodePayload):
    """An authorization code (RFC 6749 section 1.3.1)."""

    prefix: ClassVar[str] = "SPL__"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken(Payload):
    """A refresh token (RFC 6749 section 1.5): a deterministic function of its grant and the grant's generation."""

    prefix: ClassVar[str] = "RT_"
    _layout: ClassVar[struct.Struct] = struct.Struct("!16sQ")
    grant_id: UUID
    generation: int

    @property
    def row_id(self) -> UUID:
        return self.grant_id

    def pack(self) -> bytes:
        return self._layout.pack(self.grant_id.bytes, self.generation)

    @classmethod
    def unpack(cls, payload: bytes, version: int) -> Self:
        grant_id, generation = cls._layout.unpack(payload)
        return cls(grant_id=UUID(bytes=grant_id), generation=generation)


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtId(Payload):
    """
    The jti of a JWT access token (RFC 9068 section 2.2): it names the row that the token depends on.

    By itself it gives no access, so an API may log it. The permissions of the token are in its signed claims. An exchanged token
    (RFC 8693) has version 2.

    Attributes:
        parents: ids of the access tokens that it was exchanged from, the last one first.
    """

    prefix: ClassVar[str] = "JTI_"
    versions: ClassVar[frozenset[int]] = frozenset({1, 2})
    _layout: ClassVar[struct.Struct] = struct.Struct("!16s16sB")
    row_id: UUID = field()
    token_id: UUID
    is_own: bool
    is_exchanged: bool = False
    parents: tuple[UUID, ...] = ()

    @property
    def version(self) -> int:
        return 2 if self.is_exchanged else 1

    def pack(self) -> bytes:
        fixed = self._layout.pack(self.row_id.bytes, self.token_id.bytes, self.is_own)
        return fixed + b"".join(each.bytes for each in self.parents)

    @classmethod
    def unpack(cls, payload: bytes, version: int) -> Self:
        row_id, token_id, is_own = cls._layout.unpack_from(payload)
        rest = payload[cls._layout.size :]
        if rest and version == 1:
            raise ValueError("too long")
        return cls(
            row_id=UUID(bytes=row_id),
            token_id=UUID(bytes=token_id),
            is_own=bool(is_own),
            is_exchanged=version == 2,
            parents=tuple(UUID(bytes=rest[at : at + 16]) for at in range(0, len(rest), 16)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A party that acts for the subject of a token (RFC 8693 section 4.1). Texts; "" for what is not known."""

    sub: str = ""
    iss: str = ""
    client_id: str = ""


def _optional(key: str, **default: Any) -> Any:
    """Declare a field of an access token that is in its map under this key unless it has its default."""
    return field(**(default or {"default": ""}), metadata={"key": key})


@value_class(kw_only=True)
class AccessToken(Payload):
    """
    An access token (RFC 6749 section 1.4): its row, its id, its end, and a map of its differences from the row.

    A token that differs at most in its scope has version 1, all others have version 2. A default means no difference.

    Attributes:
        row_id: of the grant whose secret seals it; if is_own, the client's primary key.
        expires_at: in seconds since the epoch.
        scope: space-delimited, "" for all that its row has.
        is_own: True if it is the client's own and stands for no user (RFC 6749 section 4.4).
        audience: identifiers of the resources that it is for (RFC 8707); () for those of its row.
        client_id: of the client that acts, if it is not the row's.
        act: the parties that act for the subject, the current one first (RFC 8693 section 4.1).
        jkt: thumbprint of the key that must be proven (RFC 9449 section 6.1).
        x5t_s256: thumbprint of the certificate that must be shown (RFC 8705 section 3.1).
        auth_time: of the sign-in, in seconds since the epoch; 0 for that of its row.
        acr: of the sign-in; "" for that of its row.
        parents: ids of the access tokens that it was exchanged from, the last one first (RFC 8693): it ends when any of them
            ends.
    """

    prefix: ClassVar[str] = "AT_"
    versions: ClassVar[frozenset[int]] = frozenset({1, 2})
    _layout: ClassVar[struct.Struct] = struct.Struct("!16s16sQ")
    row_id: UUID = field()
    token_id: UUID
    expires_at: int
    scope: str = _optional("s")
    is_own: bool = _optional("o", default=False)
    audience: tuple[str, ...] = _optional("a", default=())
    client_id: str = _optional("c")
    act: tuple[Actor, ...] = _optional("d", default=())
    jkt: str = _optional("j")
    x5t_s256: str = _optional("x")
    auth_time: int = _optional("t", default=0)
    acr: str = _optional("r")
    parents: tuple[UUID, ...] = _optional("p", default=())

    @property
    def version(self) -> int:
        return 2 if any(_BEYOND_SCOPE(self)) else 1

    def pack(self) -> bytes:
        fixed = self._layout.pack(self.row_id.bytes, self.token_id.bytes, self.expires_at)
        if self.version == 1:
            return fixed + self.scope.encode()
        packed = {_KEYS[name]: _packed(value) for name in _KEYS if (value := getattr(self, name))}
        return fixed + json.dumps(packed, separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def unpack(cls, payload: bytes, version: int) -> Self:
        row_id, token_id, expires_at = cls._layout.unpack_from(payload)
        text = payload[cls._layout.size :].decode()
        differences = {"scope": text} if version == 1 else _read_differences(text)
        token = cls(row_id=UUID(bytes=row_id), token_id=UUID(bytes=token_id), expires_at=expires_at, **differences)
        # Each token has only one spelling: other white space, another order or a needless member is refused.
        if version != 1 and (token.version != version or token.pack() != payload):
            raise ValueError("not canonical")
        return token


_KEYS: Mapping[str, str] = {each.name: each.metadata["key"] for each in fields(AccessToken) if "key" in each.metadata}
_BEYOND_SCOPE = attrgetter(*(name for name in _KEYS if name != "scope"))
_NAMES = {key: name for name, key in _KEYS.items()}


def _packed(value: Any) -> Any:
    match value:
        case tuple():
            return [_packed(each) for each in value]
        case Actor():
            return {each.name: text for each in fields(Actor) if (text := getattr(value, each.name))}
        case bool():
            return int(value)
        case UUID():
            return base64.urlsafe_b64encode(value.bytes).rstrip(b"=").decode()
        case _:
            return value


def _read_differences(text: str) -> dict[str, Any]:
    """
    Read the fields of a map.

    Raises:
        ValueError: not a map, or an unknown member, whose demand could not be honoured.
    """
    try:
        members = json.loads(text)
    except RecursionError as cause:
        raise ValueError("too deep") from cause
    if not isinstance(members, dict) or (unknown := members.keys() - _NAMES.keys()):
        raise ValueError("no map" if not isinstance(members, dict) else f"unknown: {sorted(unknown)}")
    return {name: _READERS[name](members[key]) for key, name in _NAMES.items() if key in members}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _number(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("not a number")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_text(each) for each in _list(value))


def _ids(value: Any) -> tuple[UUID, ...]:
    return tuple(UUID(bytes=base64.urlsafe_b64decode(f"{text}==")) for text in _texts(value))


def _actors(value: Any) -> tuple[Actor, ...]:
    known = {each.name for each in fields(Actor)}
    if not all(isinstance(each, dict) and each.keys() <= known for each in _list(value)):
        raise ValueError("not actors")
    return tuple(Actor(**{name: _text(text) for name, text in each.items()}) for each in value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("not a list")
    return value


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "scope": _text,
    "is_own": lambda value: bool(_number(value)),
    "audience": _texts,
    "client_id": _text,
    "act": _actors,
    "jkt": _text,
    "x5t_s256": _text,
    "auth_time": _number,
    "acr": _text,
    "parents": _ids,
}


P = TypeVar("P", bound=Payload)
Q = TypeVar("Q", bound=Payload)


@value_class(repr=False)
class Unverified(Generic[P]):
    """A code or token whose claim is not proven until verify() has checked it with the secret of its row."""

    _payload: P
    _signed: bytes
    _mac: bytes
    _kind: type[Payload] | None = None

    @property
    def row_id(self) -> UUID:
        """The row that has the secret to prove this claim."""
        return self._payload.row_id

    @property
    def payload(self) -> P:
        """The unproven content, for lookups; it must not be trusted before verify()."""
        return self._payload

    def with_payload(self, payload: Q) -> "Unverified[Q]":
        """Return the same proof for another payload of the same row, which is signed and contains this claim."""
        return Unverified(payload, self._signed, self._mac, self._kind or type(self._payload))

    def verify(self, keys: Sequence[bytes], secret: bytes) -> P:
        """
        Check the MAC and return the payload.

        Args:
            keys: the server's token keys, the current one first, then those it replaced.
            secret: of the row that row_id names, SECRET_BYTES long.

        Raises:
            Unproven: none of the keys makes this MAC.
        """
        kind = self._kind or type(self._payload)
        for key in keys:
            if hmac.compare_digest(self._mac, _mac_of(self._signed, kind, key, secret)):
                return self._payload
        raise Unproven("the token is not genuine", detail=f"wrong MAC for {self.row_id}")


def seal(payload: Payload, key: bytes, secret: bytes) -> str:
    """
    Make the text of a code or token.

    Args:
        key: the server's token key.
        secret: of the row that the payload names, SECRET_BYTES long.

    Raises:
        ValueError: the text would be too long to be read again.
    """
    signed = bytes([payload.version]) + payload.pack()
    mac = _mac_of(signed, type(payload), key, secret)
    text = payload.prefix + base64.urlsafe_b64encode(signed + mac).rstrip(b"=").decode()
    if len(text) > _MAX_LENGTH:
        raise ValueError(f"a token of {len(text)} characters")
    return text


def read(kind: type[P], text: str) -> Unverified[P]:
    """
    Read a code or token without trusting it yet.

    Raises:
        Unproven: not of this kind, or malformed.
    """
    if not text.startswith(kind.prefix) or len(text) > _MAX_LENGTH:
        raise Unproven("the token is not genuine", detail=f"not a text that starts with {kind.prefix}")
    body = text[len(kind.prefix) :]
    try:
        if not _BASE64URL.fullmatch(body):
            raise ValueError("not base64url")
        sealed = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        # Each token has only one spelling: the unused bits of the last character count, too.
        if base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() != body:
            raise ValueError("not canonical")
        signed, mac = sealed[:-_MAC_BYTES], sealed[-_MAC_BYTES:]
        if not signed or signed[0] not in kind.versions:
            raise ValueError("unknown version")
        return Unverified(kind.unpack(signed[1:], signed[0]), signed, mac)
    except (ValueError, struct.error, binascii.Error) as cause:
        raise Unproven("the token is not genuine", detail=f"malformed {kind.prefix} token") from cause


def _mac_of(signed: bytes, kind: type[Payload], key: bytes, secret: bytes) -> bytes:
    # The kind is part of the key, so that a token of one kind is never valid as another.
    own_key = hmac.digest(key, b"oauth_service " + kind.prefix.encode() + secret, "sha256")
    return hmac.digest(own_key, signed, "sha256")
