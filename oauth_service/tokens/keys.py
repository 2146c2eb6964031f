"""
The signing keys of this server, which sign ID tokens and all its other JWTs. Using the keys also rotates them.

Each process caches the parsed keys. It reads the rows again every REREAD_SECONDS, so a signature costs no SQL statement. On
reading, it makes a new key if one is due; the unique generation of a row decides which of several processes made it.
"""

import json
import logging
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.serializers.json import DjangoJSONEncoder
from django.db import Error, connections

from .. import conf, documentation, signals
from ..models import Resource, SigningKey
from ..protocol import signing_key
from ..protocol.errors import TemporarilyUnavailable
from ..protocol.jwt import InvalidJWT, key_id
from ..protocol.signing_key import State
from . import signer

if TYPE_CHECKING:
    from .jwk import PrivateKey, PublicKey

logger = logging.getLogger("oauth_service.keys")

REREAD_SECONDS = 30.0
"""Longest time until a process learns of a key that another process has made or retired."""
REREAD_FOR_READERS_SECONDS = 2.0
"""The same limit when an unknown key is looked up, and when the key set is requested."""
SIGNER_SECONDS = 300.0
"""Time between two requests for the signer's public keys."""

JUST_NOW = timedelta(minutes=1)
LONGEST_SESSION_SECONDS = 366 * 24 * 3600
_ALWAYS = datetime.min.replace(tzinfo=UTC)

_encode = DjangoJSONEncoder(separators=(",", ":")).encode


class _CanSign(Protocol):
    """The private part of a key, in this process or elsewhere."""

    def sign(self, signing_input: bytes) -> bytes:
        """Return the signature in the raw form that JWS uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldKey:
    """A key as cached by this process; private is None if that part cannot be read."""

    public: "PublicKey"
    private: "_CanSign | None" = field(repr=False)
    source: str  # "database", "settings" or "signer"
    created_at: datetime
    signs_from: datetime
    signs_until: datetime | None = None
    purge_at: datetime | None = None
    generation: int = 0
    _headers: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    @property
    def kid(self) -> str:
        """Name of the key in the key set."""
        return self.public.kid

    @property
    def algorithm(self) -> str:
        """The only algorithm that the key is for."""
        return self.public.algorithm

    @property
    def can_sign(self) -> bool:
        """True if the private part is available."""
        return self.private is not None

    def sign(self, signing_input: bytes) -> bytes:
        """
        Sign bytes.

        Raises:
            TemporarilyUnavailable: the private part cannot be read, or the signer failed.
        """
        if self.private is None:
            raise _cannot_sign(f"the private part of {self.kid} cannot be read")
        return self.private.sign(signing_input)

    def header(self, typ: str) -> bytes:
        """Return the encoded JOSE header of JWTs that this key signs."""
        try:
            return self._headers[typ]
        except KeyError:
            header = {"alg": self.algorithm, "kid": self.kid, "typ": typ}
            return self._headers.setdefault(typ, _base64url(_encode(header).encode()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _SignerKey:
    """A key that only the signer has."""

    signer: "signer.Signer" = field(repr=False)
    public: "PublicKey"

    def sign(self, signing_input: bytes) -> bytes:
        kid, algorithm = self.public.kid, self.public.algorithm
        try:
            signature: Any = self.signer.sign(kid, algorithm, signing_input)
        except Exception as fault:
            logger.exception("keys: %s could not sign with %s", conf.SIGNER(), kid)
            raise _cannot_sign(f"{conf.SIGNER()} failed with {type(fault).__name__}") from fault
        # Clients could make nothing of a signature in another form than JWS uses.
        if not isinstance(signature, bytes) or not self.public.has_signed(signing_input, signature):
            logger.error(
                "keys: the signature of %s with the key %s is not a valid %s signature", conf.SIGNER(), kid, algorithm
            )
            raise _cannot_sign(
                f"the signature of {conf.SIGNER()} with the key {kid} is not a valid {algorithm} signature"
            )
        return signature


class KeyState(NamedTuple):
    """A key and its current purpose."""

    key: HeldKey
    state: State


def sign(claims: Mapping[str, object], *, algorithm: str, typ: str, now: datetime) -> str:
    """
    Sign claims as a JWT in the compact form (RFC 7515 section 7.1), with alg, kid and typ in its header.

    Args:
        algorithm: one of algorithms().
        typ: such as "JWT" or "logout+jwt".

    Raises:
        TemporarilyUnavailable: the signer failed, or no key could be made.
    """
    key = _ring.signing(algorithm, now=now)
    signing_input = key.header(typ) + b"." + _base64url(_encode(claims).encode())
    return (signing_input + b"." + _base64url(key.sign(signing_input))).decode()


def verify(text: str, *, typ: str | None, now: datetime) -> dict[str, object]:
    """
    Verify the signature of a JWT of this server. The caller has to check the claims.

    Args:
        text: the compact form.
        typ: required typ of its header; None for any.

    Returns:
        its claims.

    Raises:
        InvalidJWT: its key is no longer published, its signature is wrong, or it is not a JWT.
    """
    from . import jwk

    kid = key_id(jwk.header_of(text))
    return _ring.known(kid, now=now).public.verify(text, typ=typ)


def jwks(now: datetime) -> dict[str, object]:
    """Return the key set (RFC 7517 section 5) with every key that verifiers may trust; those that sign now come first."""
    return {"keys": [dict(each.key.public.jwk) for each in states(now)]}


def algorithms() -> tuple[str, ...]:
    """Return the algorithms that sign() accepts, the default of clients first."""
    if conf.SIGNER():
        return tuple(_ring.fixed())
    return tuple(dict.fromkeys(conf.SIGNING_ALGORITHMS()))


def states(now: datetime) -> list[KeyState]:
    """Return every published key, those that sign now first. Makes the first key of an algorithm if there is none."""
    return _signing_first(_ring.states(now=now))


def key_states(now: datetime) -> list[KeyState]:
    """Like states(), but read from the database and the settings now, without making or writing anything."""
    return _signing_first(Ring(only_reads=True).states(now=now))


def _signing_first(found: Iterable[KeyState]) -> list[KeyState]:
    return sorted(found, key=lambda each: each.state is not State.SIGNS)


def rotate(algorithm: str, *, now: datetime, at_once: bool = False, key: "PrivateKey | None" = None) -> HeldKey:
    """
    Make the next key of an algorithm now, unless there is one already.

    Args:
        at_once: True if it signs from now on; otherwise it is published for a day first.
        key: the next key; None to generate one.

    Returns:
        the next key.

    Raises:
        CannotRotate: there is another next key than the one given, or the keys come from a setting.
    """
    return _ring.rotate(algorithm, now=now, at_once=at_once, key=key)


def retire(kid: str, *, now: datetime) -> HeldKey | None:
    """
    Forget a compromised key at once. Everything that it signed becomes invalid.

    Returns:
        the key that signs from now on; None if its algorithm is no longer used.

    Raises:
        CannotRotate: there is no key with this kid, or it is not in the database.
    """
    return _ring.retire(kid, now=now)


def read_pem(pem: str, algorithm: str = "") -> "PrivateKey":
    """
    Read a private key for import.

    Args:
        algorithm: "" for the default of the kind of key; RS256 for RSA.

    Raises:
        CannotRotate: not a usable private key.
    """
    from . import jwk

    try:
        return jwk.from_pem(pem, algorithm)
    except jwk.UnusableKey as fault:
        raise CannotRotate(f"The key cannot be used: {fault}.") from None


class CannotRotate(Exception):
    """The keys stay unchanged; the message says why."""


def forget() -> None:
    """Read all keys again at the next use."""
    global _ring
    _ring = Ring()


class _Held(NamedTuple):
    """The cache of a process: keys by algorithm, how many of each were ever made, keys from settings, all keys by kid."""

    rows: Mapping[str, Sequence[HeldKey]]
    generations: Mapping[str, int]
    fixed: Mapping[str, HeldKey]
    by_kid: Mapping[str, HeldKey]


class Ring:
    """
    The keys as cached by one process.

    Args:
        only_reads: True to never make or change keys.
    """

    def __init__(self, *, only_reads: bool = False) -> None:
        self._only_reads = only_reads
        self._lock = Lock()
        self._held: _Held | None = None
        self._read_at = float("-inf")
        self._parsed: dict[str, HeldKey] = {}
        self._logged: set[str] = set()
        self._given: Sequence[HeldKey] = ()
        self._given_for: tuple[str, Any] = ("", ())
        self._given_at = float("-inf")

    def signing(self, algorithm: str, *, now: datetime) -> HeldKey:
        """
        Return the key that signs now; make one if there is none.

        Raises:
            TemporarilyUnavailable: no key could be made.
        """
        if key := self._signing(self._read(now=now), algorithm, now):
            return key
        self._ensure_key(algorithm, now=now)
        if key := self._signing(self._read(now=now), algorithm, now):
            return key
        raise _cannot_sign(f"there is no {algorithm} key, and none could be made")

    def known(self, kid: str, *, now: datetime) -> HeldKey:
        """
        Return the published key with this kid.

        Raises:
            InvalidJWT: there is none.
        """
        key = self._read(now=now).by_kid.get(kid) or self._read(now=now, within=REREAD_FOR_READERS_SECONDS).by_kid.get(
            kid
        )
        if key is None or signing_key.is_gone(key, now=now):
            raise InvalidJWT(f"its key {kid[:64]!r} is not one of this server's")
        return key

    def states(self, *, now: datetime) -> Iterator[KeyState]:
        """Yield every published key. Makes the first key of an algorithm if there is none."""
        held = self._read(now=now, within=REREAD_FOR_READERS_SECONDS)
        for algorithm in algorithms():
            if not self._only_reads and not self._signing(held, algorithm, now):
                self._ensure_key(algorithm, now=now)
        held = self._read(now=now)
        for algorithm in dict.fromkeys([*algorithms(), *held.rows, *held.fixed]):
            keys = [key for key in held.by_kid.values() if key.algorithm == algorithm]
            fixed = held.fixed.get(algorithm)
            for key in signing_key.published(keys, now=now):
                if fixed is None:
                    yield KeyState(key, signing_key.state(key, keys, now=now))
                else:
                    yield KeyState(key, State.SIGNS if key is fixed else State.SIGNED)

    def fixed(self) -> Mapping[str, HeldKey]:
        """Return the signing keys that are not in the database, by algorithm."""
        found: dict[str, HeldKey] = {}
        for key in self._configured_keys():
            found.setdefault(key.algorithm, key)
        return found

    def rotate(self, algorithm: str, *, now: datetime, at_once: bool, key: "PrivateKey | None") -> HeldKey:
        """See the function of this name."""
        with self._lock:
            held = self._reload(now=now)
            if algorithm in held.fixed or conf.SIGNER():
                raise CannotRotate(f"The {algorithm} key is given by a setting, and is replaced there.")
            if algorithm not in conf.SIGNING_ALGORITHMS():
                raise CannotRotate(f"{conf.SIGNING_ALGORITHMS.name} has no {algorithm}.")
            keys = held.rows.get(algorithm, ())
            if key and key.public.kid in held.by_kid:
                raise CannotRotate(f"{key.public.kid} is there already.")
            waiting = next((each for each in keys if signing_key.state(each, keys, now=now) is State.NEXT), None)
            current = signing_key.signing(keys, now=now)
            if waiting and key:
                raise CannotRotate(f"The next {algorithm} key is there already: {waiting.kid}. Retire it first.")
            if waiting:
                if at_once and SigningKey.objects.bring_forward(waiting.kid, now=now):
                    _announce("brought forward", waiting.kid, algorithm)
            elif not (at_once and not key and current and now - current.signs_from < JUST_NOW):
                signs_from = now if at_once or not current else now + signing_key.PUBLISHED_BEFORE
                if not self._make(algorithm, held, signs_from=signs_from, now=now, key=key) and key:
                    raise CannotRotate(
                        "Another process has made the next key meanwhile: look at the list, and try again."
                    )
            rows = self._reload(now=now).rows[algorithm]
            return max((each for each in rows if each.can_sign), key=lambda each: each.generation)

    def retire(self, kid: str, *, now: datetime) -> HeldKey | None:
        """See the function of this name."""
        with self._lock:
            key = self._reload(now=now).by_kid.get(kid)
            if key is None:
                raise CannotRotate(f"There is no key {kid}.")
            if key.source != "database":
                raise CannotRotate(f"{kid} is given by a setting, and is removed there.")
            if SigningKey.objects.retire(kid):
                _announce("retired", kid, key.algorithm)
            held = self._reload(now=now)
        if key.algorithm not in algorithms():
            return None
        return self._signing(held, key.algorithm, now) or self.signing(key.algorithm, now=now)

    def _signing(self, held: _Held, algorithm: str, now: datetime) -> HeldKey | None:
        return held.fixed.get(algorithm) or signing_key.signing(held.rows.get(algorithm, ()), now=now)

    def _read(self, *, now: datetime, within: float = REREAD_SECONDS) -> _Held:
        """Return the keys, from the cache if it was read within so many seconds."""
        if self._held and time.monotonic() - self._read_at < within:
            return self._held
        # While one thread reads, the others use the cache, except those that need recent changes.
        can_wait = self._held is None or within < REREAD_SECONDS
        if not self._lock.acquire(blocking=can_wait) and self._held:
            return self._held
        try:
            if self._held and time.monotonic() - self._read_at < within:
                return self._held
            return self._reload(now=now)
        finally:
            self._lock.release()

    def _ensure_key(self, algorithm: str, *, now: datetime) -> None:
        with self._lock:
            for _attempt in range(3):
                held = self._reload(now=now)
                if conf.SIGNER() or algorithm not in conf.SIGNING_ALGORITHMS() or self._signing(held, algorithm, now):
                    return
                # If another process makes one at the same time, the next round uses that key.
                self._make(algorithm, held, signs_from=now, now=now)
            self._reload(now=now)

    def _reload(self, *, now: datetime) -> _Held:
        try:
            held = self._hold(SigningKey.objects.every(), now=now)
        except Error:
            if self._held is None:
                raise
            logger.warning(
                "keys: the database does not respond; the server continues with the keys that it has read before",
                exc_info=True,
            )
            self._read_at = time.monotonic()
            return self._held
        try:
            if not self._only_reads and self._maintain(held, now=now):
                held = self._hold(SigningKey.objects.every(), now=now)
        except Error:
            logger.warning("keys: the next key could not be stored; the server will try again", exc_info=True)
        self._held = held
        # A row written in an open transaction may still be rolled back, so it must not stay in the cache.
        in_doubt = connections[SigningKey.objects.db].in_atomic_block and any(
            now - each.created_at < JUST_NOW for keys in held.rows.values() for each in keys
        )
        self._read_at = float("-inf") if in_doubt else time.monotonic()
        return held

    def _maintain(self, held: _Held, *, now: datetime) -> bool:
        """Make or end keys as needed, and delete those that are gone; return whether anything changed."""
        is_changed = False
        for algorithm, keys in held.rows.items():
            if algorithm in held.fixed or conf.SIGNER() or algorithm not in conf.SIGNING_ALGORITHMS():
                if any(key.signs_until is None for key in keys):
                    end = now + signing_key.PUBLISHED_BEFORE
                    SigningKey.objects.end(algorithm, signs_until=end, purge_at=end + longest_use())
                    is_changed = True
                continue
            signs_from = signing_key.next_signs_from(
                keys, lifetime=conf.SIGNING_KEY_LIFETIME() or timedelta(0), now=now
            )
            if signs_from is not None:
                self._make(algorithm, held, signs_from=signs_from, now=now)
                is_changed = True
        if any(signing_key.is_gone(key, now=now) for keys in held.rows.values() for key in keys):
            SigningKey.objects.purge(now=now)
            is_changed = True
        return is_changed

    def _make(
        self,
        algorithm: str,
        held: _Held,
        *,
        signs_from: datetime,
        now: datetime,
        key: "PrivateKey | None" = None,
    ) -> bool:
        """Store the successor of the cached keys; return False if another process was faster."""
        from . import jwk

        made = key or jwk.generate(algorithm)
        row = SigningKey(
            kid=made.public.kid,
            algorithm=algorithm,
            generation=held.generations.get(algorithm, 0) + 1,
            public_jwk=json.dumps(made.public.jwk),
            private_key=jwk.encrypt(made, conf.token_keys()[0]),
            created_at=now,
            signs_from=signs_from,
        )
        end = signing_key.end_of_predecessors(signs_from, now=now)
        is_first = SigningKey.objects.add(row, predecessors_sign_until=end, predecessors_purge_at=end + longest_use())
        if is_first:
            _announce("imported" if key else "made", row.kid, algorithm)
        return is_first

    def _hold(self, rows: Sequence[SigningKey], *, now: datetime) -> _Held:
        by_algorithm: dict[str, list[HeldKey]] = {}
        generations: dict[str, int] = {}
        for row in rows:
            generations[row.algorithm] = row.generation
            if key := self._key_of(row):
                by_algorithm.setdefault(row.algorithm, []).append(key)
        self._parsed = {key.kid: key for keys in by_algorithm.values() for key in keys}
        elsewhere = self._configured_keys()
        fixed: dict[str, HeldKey] = {}
        for key in elsewhere:
            fixed.setdefault(key.algorithm, key)
        return _Held(by_algorithm, generations, fixed, self._parsed | {key.kid: key for key in elsewhere})

    def _key_of(self, row: SigningKey) -> HeldKey | None:
        from . import jwk

        parsed = self._parsed.get(row.kid)
        private: Any = parsed.private if parsed else None
        for position, token_key in enumerate(() if private else conf.token_keys()):
            private = jwk.decrypt(bytes(row.private_key), kid=row.kid, algorithm=row.algorithm, token_key=token_key)
            if private:
                if (
                    position and not self._only_reads
                ):  # the token key was replaced, and its predecessor will be removed from the settings
                    SigningKey.objects.encrypt_again(row.kid, jwk.encrypt(private, conf.token_keys()[0]))
                break
        try:
            public = private.public if private else jwk.public_from(_members(row.public_jwk))
        except (TypeError, ValueError) as fault:
            self._log_once(row.kid, f"the public key cannot be read, so the server does not use this key: {fault}")
            return None
        if private is None:
            self._log_once(
                row.kid,
                "the private key was encrypted with another token key, so the server cannot sign with it; "
                f"add the earlier key to {conf.TOKEN_KEY_FALLBACKS.name}, or let the next key replace this one "
                f"(see {documentation.page('keys')})",
            )
        return HeldKey(
            public=public,
            private=private,
            source="database",
            created_at=row.created_at,
            signs_from=row.signs_from,
            signs_until=row.signs_until,
            purge_at=row.purge_at,
            generation=row.generation,
        )

    def _log_once(self, kid: str, fault: str) -> None:
        if kid not in self._logged:
            self._logged.add(kid)
            logger.error("keys: %s: %s", kid, fault)

    def _configured_keys(self) -> Sequence[HeldKey]:
        wanted = (conf.SIGNER(), conf.SIGNING_KEYS())
        is_fresh = not conf.SIGNER() or time.monotonic() - self._given_at < SIGNER_SECONDS
        if self._given_for != wanted or not is_fresh:
            try:
                self._given = tuple(_of_signer(conf.SIGNER()) if conf.SIGNER() else _of_settings())
            except TemporarilyUnavailable:
                if self._given_for != wanted:
                    raise
            self._given_for, self._given_at = wanted, time.monotonic()
        return self._given


def longest_use() -> timedelta:
    """
    Return how long after its signature a JWT may still be presented.

    Tokens have their lifetime; but an ID token can come back as a hint at sign-out, at any time during the session.
    """
    session = timedelta(seconds=min(settings.SESSION_COOKIE_AGE, LONGEST_SESSION_SECONDS))
    of_jwts = Resource.objects.longest_jwt_lifetime()
    return max(conf.ACCESS_TOKEN_LIFETIME(), conf.ID_TOKEN_LIFETIME(), session, of_jwts) + timedelta(days=1)


def _of_settings() -> Iterator[HeldKey]:
    for position in range(len(conf.SIGNING_KEYS())):
        key = key_of_settings(position)
        if isinstance(key, str):
            raise ImproperlyConfigured(f"{conf.SIGNING_KEYS.name}: key {position + 1}: {key}.")
        yield HeldKey(public=key.public, private=key, source="settings", created_at=_ALWAYS, signs_from=_ALWAYS)


def key_of_settings(position: int) -> "PrivateKey | str":
    """Return a key of OAUTH_SERVICE_SIGNING_KEYS, or its fault: an exception would keep the PEM in its frames' locals."""
    from . import jwk

    given = conf.SIGNING_KEYS()[position]
    try:
        return jwk.from_pem(given) if isinstance(given, str) else jwk.from_pem(given[1], given[0])
    except jwk.UnusableKey as fault:
        return str(fault)


def _of_signer(path: str) -> Iterator[HeldKey]:
    from . import jwk

    try:
        found = signer.load(path)
        publics = [jwk.public_from(each) for each in found.public_jwks()]
    except Exception as fault:
        logger.exception("keys: %s could not list its keys", path)
        raise _cannot_sign(f"{path} could not list its keys: {type(fault).__name__}") from fault
    for public in publics:
        private = _SignerKey(signer=found, public=public)
        yield HeldKey(public=public, private=private, source="signer", created_at=_ALWAYS, signs_from=_ALWAYS)


def _cannot_sign(detail: str) -> TemporarilyUnavailable:
    return TemporarilyUnavailable("the server cannot sign at the moment", detail=detail)


def _announce(action: str, kid: str, algorithm: str) -> None:
    signals.announce(signals.signing_key_changed, action=action, kid=kid, algorithm=algorithm)


def _members(text: str) -> dict[str, object]:
    members = json.loads(text)
    if not isinstance(members, dict):
        raise TypeError("a JWK is an object")
    return members


def _base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


_ring = Ring()
