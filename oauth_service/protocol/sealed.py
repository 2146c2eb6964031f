"""
Codes and tokens that prove themselves by HMAC (RFC 2104): PREFIX_ + base64url(payload + MAC).

A MAC is HMAC-SHA-256 under a key that HMAC derives from the server's token key and a secret in the row that the
payload names. So a stolen database forges nothing, a stolen server key forges nothing, and without its row a token is void.
What has been read is a claim only; prove() turns it into a fact.
"""

import base64
import binascii
import hmac
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Self, TypeVar
from uuid import UUID

from .errors import OAuthError

SECRET_BYTES = 32
_MAC_BYTES = 32
_VERSION = b"\x01"
_MAX_LENGTH = 4096
_BASE64URL = re.compile(r"[A-Za-z0-9\-_]+")


class Unproven(OAuthError):
    """The text is no code or token of this kind, or its MAC is wrong."""

    error = "invalid_grant"


class Payload:
    """What a code or token says: fixed fields first, then at most one text of free length."""

    prefix: ClassVar[str]

    @property
    def row_id(self) -> UUID:
        """The row whose secret seals this payload."""
        raise NotImplementedError

    def pack(self) -> bytes:
        """The payload's bytes."""
        raise NotImplementedError

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        """The payload again; struct.error or ValueError if the bytes are none."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationCode(Payload):
    """A code (RFC 6749 section 1.3.1)."""

    prefix: ClassVar[str] = "SPL__"
    code_id: UUID

    @property
    def row_id(self) -> UUID:
        return self.code_id

    def pack(self) -> bytes:
        return self.code_id.bytes

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        return cls(code_id=UUID(bytes=payload))


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
    def unpack(cls, payload: bytes) -> Self:
        grant_id, generation = cls._layout.unpack(payload)
        return cls(grant_id=UUID(bytes=grant_id), generation=generation)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken(Payload):
    """
    An access token (RFC 6749 section 1.4).

    expires_at is in seconds since the epoch; scope is space-delimited, "" for all that its grant has.
    """

    prefix: ClassVar[str] = "AT_"
    _layout: ClassVar[struct.Struct] = struct.Struct("!16s16sQ")
    grant_id: UUID
    token_id: UUID
    expires_at: int
    scope: str

    @property
    def row_id(self) -> UUID:
        return self.grant_id

    def pack(self) -> bytes:
        return self._layout.pack(self.grant_id.bytes, self.token_id.bytes, self.expires_at) + self.scope.encode()

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        grant_id, token_id, expires_at = cls._layout.unpack_from(payload)
        return cls(
            grant_id=UUID(bytes=grant_id),
            token_id=UUID(bytes=token_id),
            expires_at=expires_at,
            scope=payload[cls._layout.size :].decode(),
        )


P = TypeVar("P", bound=Payload)


@dataclass(frozen=True, slots=True, repr=False)
class Unverified(Generic[P]):
    """What a code or token claims to be, until prove() has held it against its row's secret."""

    _payload: P
    _signed: bytes
    _mac: bytes

    @property
    def row_id(self) -> UUID:
        """Where the secret is that could prove this claim."""
        return self._payload.row_id

    @property
    def payload(self) -> P:
        """What is claimed, to look things up by; it is worth nothing before prove()."""
        return self._payload

    def verify(self, keys: Sequence[bytes], secret: bytes) -> P:
        """
        Hold the claim against its row.

        Args:
            keys: the server's token keys, the current one first, then those it replaced.
            secret: of the row that row_id names, SECRET_BYTES long.

        Raises:
            Unproven: no key makes this MAC.
        """
        for key in keys:
            if hmac.compare_digest(self._mac, _mac_of(self._signed, type(self._payload), key, secret)):
                return self._payload
        raise Unproven("the token is not genuine", detail=f"wrong MAC for {self.row_id}")


def seal(payload: Payload, key: bytes, secret: bytes) -> str:
    """
    Make the text of a code or token.

    Args:
        key: the server's token key.
        secret: of the row that the payload names, SECRET_BYTES long.
    """
    signed = _VERSION + payload.pack()
    mac = _mac_of(signed, type(payload), key, secret)
    return payload.prefix + base64.urlsafe_b64encode(signed + mac).rstrip(b"=").decode()


def read(kind: type[P], text: str) -> Unverified[P]:
    """
    Read a code or token, without believing it yet.

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
        # One token has one spelling: the unused bits of the last character count too.
        if base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() != body:
            raise ValueError("not canonical")
        signed, mac = sealed[:-_MAC_BYTES], sealed[-_MAC_BYTES:]
        if signed[:1] != _VERSION:
            raise ValueError("unknown version")
        return Unverified(kind.unpack(signed[1:]), signed, mac)
    except (ValueError, struct.error, binascii.Error) as cause:
        raise Unproven("the token is not genuine", detail=f"malformed {kind.prefix} token") from cause


def _mac_of(signed: bytes, kind: type[Payload], key: bytes, secret: bytes) -> bytes:
    # The kind goes into the key, so that no token of one kind is ever good as another.
    own_key = hmac.digest(key, b"oauth_service " + kind.prefix.encode() + secret, "sha256")
    return hmac.digest(own_key, signed, "sha256")
