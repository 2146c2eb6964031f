"""The server's signing keys: made when needed, replaced in time, and never missing for a verifier."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, transaction
from pytest_django import DjangoAssertNumQueries, Settings

from oauth_service.models import SigningKey
from oauth_service.protocol.errors import TemporarilyUnavailable
from oauth_service.protocol.jwt import ALGORITHMS, InvalidJWT
from oauth_service.protocol.signing_key import State
from oauth_service.tokens import jwk, keys
from tests.database import ALIAS

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
CLAIMS = {"sub": "1", "aud": "app"}


@pytest.fixture(autouse=True)
def openid(settings: Settings, db: None) -> Settings:
    """Return the settings of an OpenID Provider."""
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are"}
    return settings


def days(count: float) -> datetime:
    """Return a moment so many days later, with empty caches, as in another process."""
    keys.forget()
    return NOW + timedelta(days=count)


def sign(now: datetime, algorithm: str = "ES256") -> str:
    """Sign a JWT."""
    return keys.sign(CLAIMS, algorithm=algorithm, typ="JWT", now=now)


def kid_of(token: str) -> str:
    """Return the key that a JWT names."""
    return str(pyjwt.get_unverified_header(token)["kid"])


def published(now: datetime, algorithm: str = "ES256") -> list[str]:
    """Return the names of the published keys of an algorithm."""
    return [each.key.kid for each in keys.states(now) if each.key.algorithm == algorithm]


def only(settings: Settings) -> None:
    """Leave RSA out, because its keys take long to generate."""
    settings.OAUTH_SERVICE_SIGNING_ALGORITHMS = ("ES256", "EdDSA")


def test_a_stranger_verifies_what_is_signed() -> None:
    """The key set is enough for a verifier with another library."""
    key_set = pyjwt.PyJWKSet.from_dict(keys.jwks(NOW))
    for algorithm in ALGORITHMS:
        token = sign(NOW, algorithm)
        claims = pyjwt.decode(token, key_set[kid_of(token)].key, algorithms=[algorithm], audience="app")
        assert (claims, pyjwt.get_unverified_header(token)) == (
            CLAIMS,
            {"alg": algorithm, "kid": kid_of(token), "typ": "JWT"},
        )
        assert keys.verify(token, typ="JWT", now=NOW) == CLAIMS


def test_a_key_signs_from_its_first_use(settings: Settings) -> None:
    """No command has to be run before the first user signs in. Keys of unused algorithms are not made."""
    sign(NOW)
    assert [(key.algorithm, key.signs_from) for key in SigningKey.objects.every()] == [("ES256", NOW)]


def test_the_next_key_is_published_a_day_before_it_signs(settings: Settings) -> None:
    """The old key is published as long as its signatures are valid."""
    only(settings)
    first = kid_of(sign(days(0)))
    assert (kid_of(sign(days(88.9))), published(days(88.9))) == (first, [first])
    [_, second] = published(days(89.1))
    assert kid_of(sign(days(89.2))) == first
    assert kid_of(sign(days(90.2))) == second
    assert published(days(91)) == [second, first]
    assert published(days(110)) == [second]
    assert SigningKey.objects.filter(algorithm="ES256").count() == 1


def test_a_server_that_slept_publishes_the_next_key_for_a_day_all_the_same(settings: Settings) -> None:
    """Clients cache the key set for a while."""
    only(settings)
    first = kid_of(sign(days(0)))
    assert (kid_of(sign(days(300))), kid_of(sign(days(300.9)))) == (first, first)
    assert kid_of(sign(days(301.1))) != first


def test_a_lifetime_of_zero_keeps_the_key(settings: Settings) -> None:
    """`timedelta(0)` is for operators who must not let keys change automatically."""
    settings.OAUTH_SERVICE_SIGNING_KEY_LIFETIME = None
    assert kid_of(sign(days(0))) == kid_of(sign(days(4000)))


@pytest.mark.django_db(transaction=True)
def test_a_warm_process_signs_without_a_statement(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """A token costs only its signature."""
    token = sign(NOW)
    with django_assert_num_queries(0):
        sign(NOW)
        keys.verify(token, typ=None, now=NOW)


@pytest.mark.django_db(transaction=True)
def test_unknown_keys_do_not_make_the_database_work(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """Anyone can send a token that names an unknown key."""
    mine = jwk.generate("ES256")
    forged = pyjwt.encode(CLAIMS, _pem(mine), algorithm="ES256", headers={"kid": "ES256-unknown"})
    sign(NOW)
    with django_assert_num_queries(0):
        for _ in range(20):
            with pytest.raises(InvalidJWT, match="not one of this server's"):
                keys.verify(forged, typ=None, now=NOW)


@pytest.mark.django_db(transaction=True)
def test_a_process_finds_a_key_that_another_has_made(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process reads the keys again when it does not know a name."""
    clock = _Clock(monkeypatch)
    only(settings)
    here, there = keys.Ring(), keys.Ring()
    here.signing("ES256", now=NOW)
    made = there.signing("EdDSA", now=NOW)
    clock.seconds += keys.REREAD_FOR_READERS_SECONDS
    assert here.known(made.kid, now=NOW).kid == made.kid


@pytest.mark.django_db(transaction=True)
def test_a_process_learns_of_a_retired_key_in_half_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator who retires a key is told about this delay."""
    clock = _Clock(monkeypatch)
    here, there = keys.Ring(), keys.Ring()
    first = here.signing("ES256", now=NOW)
    second = there.retire(first.kid, now=NOW)
    assert second
    assert here.signing("ES256", now=NOW).kid == first.kid
    clock.seconds += keys.REREAD_SECONDS
    assert here.signing("ES256", now=NOW).kid == second.kid
    with pytest.raises(InvalidJWT):
        here.known(first.kid, now=NOW)


# -- refusals ------------------------------------------------------------------------------------------------------------


def _pem(key: jwk.PrivateKey) -> bytes:
    raw: Any = key._key.private_key
    return bytes(
        raw.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _forgeries() -> Iterator[tuple[str, str]]:
    token = sign(NOW, "RS256")
    kid = kid_of(token)
    head, body, signature = token.split(".")
    [public] = [each.key.public for each in keys.states(NOW) if each.key.kid == kid]
    secret = json.dumps(dict(public.jwk)).encode()
    verifier: Any = public._key
    pem = verifier.as_pem(private=False)
    yield "none", pyjwt.encode(CLAIMS, "", algorithm="none", headers={"kid": kid})
    yield "HS256 with the JWK", _hs256_with(secret, kid)
    yield "HS256 with the PEM", _hs256_with(pem, kid)
    yield "another key", pyjwt.encode(CLAIMS, _pem(jwk.generate("RS256")), algorithm="RS256", headers={"kid": kid})
    yield (
        "PS256 by its name",
        pyjwt.encode(CLAIMS, _pem(jwk.generate("PS256")), algorithm="PS256", headers={"kid": kid}),
    )
    yield "another's name", pyjwt.encode(CLAIMS, _pem(jwk.generate("ES256")), algorithm="ES256", headers={"kid": "x"})
    yield "no name", pyjwt.encode(CLAIMS, _pem(jwk.generate("ES256")), algorithm="ES256")
    yield "changed claims", f"{head}.{keys._base64url(b'{}').decode()}.{signature}"
    yield "no signature", f"{head}.{body}."
    yield "cut", token[:-10]
    yield "nothing", ""
    yield "dots", ".."
    yield "five parts", f"{token}.x.y"
    yield "not text", "é.ü.ß"
    yield "a lone surrogate", "\ud800"
    yield "long", "a" * 300_000
    yield "deep", f"{keys._base64url(b'[' * 300).decode()}.{body}.{signature}"
    yield "a header that is a list", f"{keys._base64url(b'[]').decode()}.{body}.{signature}"
    yield "a header that is a number", f"{keys._base64url(b'7').decode()}.{body}.{signature}"


def _hs256_with(pem: bytes, kid: str) -> str:
    """Build the token by hand: PyJWT refuses to make it."""
    import hmac

    signing_input = ".".join(
        keys._base64url(json.dumps(part).encode()).decode() for part in ({"alg": "HS256", "kid": kid}, CLAIMS)
    )
    return f"{signing_input}.{keys._base64url(hmac.digest(pem, signing_input.encode(), 'sha256')).decode()}"


def test_nothing_but_our_own_signature_is_believed() -> None:
    """The operator gets a reason for each refusal, without the token."""
    for name, forged in _forgeries():
        with pytest.raises(InvalidJWT) as refusal:
            keys.verify(forged, typ=None, now=NOW)
        assert (name, bool(refusal.value.detail), len(refusal.value.detail) < 160) == (name, True, True)


def test_another_type_is_not_believed() -> None:
    """A logout token must not pass for an ID token."""
    token = keys.sign(CLAIMS, algorithm="ES256", typ="logout+jwt", now=NOW)
    assert keys.verify(token, typ="logout+jwt", now=NOW) == CLAIMS
    with pytest.raises(InvalidJWT, match="not JWT"):
        keys.verify(token, typ="JWT", now=NOW)


def test_a_key_that_has_gone_is_not_believed() -> None:
    """A key found in an old backup is worthless."""
    token = sign(days(0))
    sign(days(90))
    sign(days(91))
    assert keys.verify(token, typ="JWT", now=days(100)) == CLAIMS
    with pytest.raises(InvalidJWT):
        keys.verify(token, typ="JWT", now=days(150))
    with pytest.raises(InvalidJWT):  # a process that had it in memory
        keys.verify(token, typ="JWT", now=NOW + timedelta(days=150))


# -- rotating by hand ------------------------------------------------------------------------------------------------------


def test_rotating_prepares_the_next_key() -> None:
    """The next key signs after a day. Asking again changes nothing."""
    first = sign(days(0))
    second = keys.rotate("ES256", now=days(1))
    assert second.signs_from == NOW + timedelta(days=2)
    assert keys.rotate("ES256", now=days(1.1)).kid == second.kid
    assert kid_of(sign(days(1.9))) == kid_of(first)
    assert kid_of(sign(days(2.1))) == second.kid


def test_rotating_at_once_signs_at_once() -> None:
    """If the next key is already published, it signs at once."""
    first = kid_of(sign(days(0)))
    second = keys.rotate("ES256", now=days(1))
    third = keys.rotate("ES256", now=days(1.1), at_once=True)
    assert (third.kid, kid_of(sign(days(1.2)))) == (second.kid, second.kid)
    fourth = keys.rotate("ES256", now=days(5), at_once=True)
    assert kid_of(sign(days(5))) == fourth.kid not in (first, second.kid)
    assert keys.rotate("ES256", now=days(5), at_once=True).kid == fourth.kid


def test_retiring_the_key_that_signs_lets_the_next_one_sign() -> None:
    """The next key is already published."""
    first = sign(days(0))
    second = keys.rotate("ES256", now=days(1))
    retired = keys.retire(kid_of(first), now=days(1.1))
    assert (retired and retired.kid, kid_of(sign(days(1.2)))) == (second.kid, second.kid)
    with pytest.raises(InvalidJWT):
        keys.verify(first, typ=None, now=days(1.2))


def test_retiring_the_only_key_makes_another() -> None:
    """The server always has a signing key."""
    first = kid_of(sign(days(0)))
    second = keys.retire(first, now=days(1))
    assert second
    assert kid_of(sign(days(1))) == second.kid != first
    assert published(days(1)) == [second.kid]


def test_retiring_the_next_key_makes_another_next() -> None:
    """The signing key already has an end, so it needs a successor."""
    first = kid_of(sign(days(0)))
    second = keys.rotate("ES256", now=days(1))
    keys.retire(second.kid, now=days(1.1))
    states = [each for each in keys.states(days(1.2)) if each.key.algorithm == "ES256"]
    assert [each.state for each in states] == [State.SIGNS, State.NEXT]
    assert states[0].key.kid == first
    assert kid_of(sign(days(2.1))) == states[1].key.kid != second.kid


def test_a_key_that_is_imported_is_the_next_one() -> None:
    """The thumbprint of the key gives it its name."""
    first = kid_of(sign(days(0)))
    imported = jwk.generate("ES256")
    next_one = keys.rotate("ES256", now=days(1), key=imported)
    assert (next_one.kid, kid_of(sign(days(1)))) == (imported.public.kid, first)
    assert kid_of(sign(days(2.1))) == imported.public.kid


@pytest.mark.parametrize("at", [1, 3])
def test_a_key_is_imported_once(at: int) -> None:
    """A key cannot be imported while another next key waits."""
    sign(days(0))
    imported = jwk.generate("ES256")
    keys.rotate("ES256", now=days(1), key=imported)
    for key in (imported, *([jwk.generate("ES256")] if at == 1 else [])):
        with pytest.raises(keys.CannotRotate, match="already"):
            keys.rotate("ES256", now=days(at), key=key)


# -- keys that cannot be read ----------------------------------------------------------------------------------------------


def test_a_token_key_that_was_replaced_still_opens_and_is_then_not_needed_any_more(settings: Settings) -> None:
    """The fallback can be removed, because the signing keys were encrypted again."""
    settings.OAUTH_SERVICE_TOKEN_KEY = "a" * 32
    first = kid_of(sign(days(0)))
    settings.OAUTH_SERVICE_TOKEN_KEY, settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = "b" * 32, ["a" * 32]
    assert kid_of(sign(days(1))) == first
    settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = []
    assert kid_of(sign(days(2))) == first


def test_a_lost_token_key_costs_nobody_a_sign_in(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """Another key signs, the old one stays published, and the log says once what to do."""
    settings.OAUTH_SERVICE_TOKEN_KEY = "a" * 32
    old = sign(days(0))
    settings.OAUTH_SERVICE_TOKEN_KEY = "b" * 32
    new = sign(days(1))
    sign(NOW + timedelta(days=1, seconds=1))
    assert kid_of(new) != kid_of(old)
    assert keys.verify(old, typ="JWT", now=NOW + timedelta(days=1)) == CLAIMS
    assert published(NOW + timedelta(days=1)) == [kid_of(new), kid_of(old)]
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert [kid_of(old) in each and "OAUTH_SERVICE_TOKEN_KEY_FALLBACKS" in each for each in told] == [True]


def test_servers_with_different_token_keys_do_not_fight(settings: Settings) -> None:
    """
    A new token key is rolled out to one server after another: each signs with a key that it can read, and makes at most one.
    """
    settings.OAUTH_SERVICE_TOKEN_KEY = "a" * 32
    old_server = keys.Ring()
    old = old_server.signing("ES256", now=NOW).kid
    for hour in range(12):
        settings.OAUTH_SERVICE_TOKEN_KEY = "b" * 32
        new = keys.Ring().signing("ES256", now=NOW + timedelta(hours=hour)).kid
        settings.OAUTH_SERVICE_TOKEN_KEY = "a" * 32
        assert keys.Ring().signing("ES256", now=NOW + timedelta(hours=hour)).kid == old != new
    assert SigningKey.objects.count() == 2


@pytest.mark.parametrize("damage", [b"", b"\x01", b"\x02" + b"x" * 60, b"\x01" + b"x" * 60])
def test_a_damaged_private_part_is_as_good_as_lost(damage: bytes) -> None:
    """Any content of the column is handled."""
    old = sign(days(0))
    SigningKey.objects.update(private_key=damage)
    assert kid_of(sign(days(1))) != kid_of(old)
    assert keys.verify(old, typ="JWT", now=days(1)) == CLAIMS


def test_the_private_part_of_one_row_is_not_good_in_another() -> None:
    """Write access to the database must not be enough to choose which key signs."""
    first = kid_of(sign(days(0)))
    second = keys.rotate("ES256", now=days(1)).kid
    stolen = SigningKey.objects.get(kid=first).private_key
    SigningKey.objects.filter(kid=second).update(private_key=stolen)
    states = {each.key.kid: each.state for each in keys.states(days(1))}
    assert states[second] is State.UNREADABLE


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"kty": "oct", "k": "AAAA", "alg": "HS256", "kid": "x"}'])
def test_a_damaged_row_is_left_out(damage: str, settings: Settings) -> None:
    """The key set must stay readable for clients."""
    settings.OAUTH_SERVICE_TOKEN_KEY = "a" * 32
    old = kid_of(sign(days(0)))
    SigningKey.objects.update(public_jwk=damage)
    settings.OAUTH_SERVICE_TOKEN_KEY = "b" * 32
    assert old not in published(days(1))


def test_nothing_private_is_stored_in_the_clear() -> None:
    """A copy of the database must not reveal the private numbers or the encoding of any algorithm's key."""
    keys.jwks(NOW)
    for row in SigningKey.objects.every():
        held = keys._ring.known(row.kid, now=NOW)
        private: Any = held.private
        numbers = private._key.as_dict(private=True)
        stored = row.public_jwk.encode() + bytes(row.private_key)
        assert [
            name for name in ("d", "p", "q", "dp", "dq", "qi") if name in numbers and numbers[name].encode() in stored
        ] == []
        assert "PRIVATE" not in repr(held) + str(held) + repr(private)
        assert numbers["d"] not in repr(held) + repr(private)


# -- keys from settings and signers ----------------------------------------------------------------------------------------


def pem_of(raw: Any) -> str:
    """Return the PEM of a private key."""
    pem: bytes = raw.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode()


EC, OTHER_EC = (pem_of(ec.generate_private_key(ec.SECP256R1())) for _ in range(2))
RSA = pem_of(rsa.generate_private_key(public_exponent=65537, key_size=2048))
ED25519 = pem_of(ed25519.Ed25519PrivateKey.generate())


def test_keys_of_the_settings_sign_and_make_no_rows(settings: Settings) -> None:
    """The first key of each algorithm signs, all are published, and each process gives them the same names."""
    settings.OAUTH_SERVICE_SIGNING_KEYS = [EC, OTHER_EC, ("PS256", RSA), ED25519]
    settings.OAUTH_SERVICE_SIGNING_ALGORITHMS = ["ES256", "PS256", "EdDSA"]
    names = [kid_of(sign(days(0), algorithm)) for algorithm in ("ES256", "PS256", "EdDSA")]
    assert names == [kid_of(sign(days(1), algorithm)) for algorithm in ("ES256", "PS256", "EdDSA")]
    [first, second] = published(NOW)
    assert (first, second != first, SigningKey.objects.count()) == (names[0], True, 0)
    token = pyjwt.encode(CLAIMS, OTHER_EC, algorithm="ES256", headers={"kid": second})
    assert keys.verify(token, typ=None, now=NOW) == CLAIMS


def test_keys_of_the_settings_take_over_from_rows(settings: Settings) -> None:
    """Signatures by keys in the database stay valid until they expire."""
    old = sign(days(0))
    settings.OAUTH_SERVICE_SIGNING_KEYS = [EC]
    assert kid_of(sign(days(1))) != kid_of(old)
    assert keys.verify(old, typ="JWT", now=days(2)) == CLAIMS
    with pytest.raises(InvalidJWT):
        keys.verify(old, typ="JWT", now=days(40))


def test_a_key_of_the_settings_is_neither_rotated_nor_retired_here(settings: Settings) -> None:
    """The key would be back in the next process."""
    settings.OAUTH_SERVICE_SIGNING_KEYS = [EC]
    kid = kid_of(sign(NOW))
    with pytest.raises(keys.CannotRotate, match="setting"):
        keys.rotate("ES256", now=NOW)
    with pytest.raises(keys.CannotRotate, match="setting"):
        keys.retire(kid, now=NOW)


def test_a_key_of_the_settings_that_is_none_is_named_by_its_place(settings: Settings) -> None:
    """The message must not quote the key."""
    settings.OAUTH_SERVICE_SIGNING_KEYS = [EC, EC.replace("MI", "XX")]
    with pytest.raises(ImproperlyConfigured, match="key 2: it is not a private key in PEM format") as fault:
        sign(NOW)
    assert "PRIVATE" not in str(fault.value)


class Kms:
    """A key service that works; `signature` and `fault` change its answers."""

    def __init__(self) -> None:
        self.keys = {key.public.kid: key for key in (jwk.from_pem(EC), jwk.from_pem(RSA), jwk.from_pem(OTHER_EC))}
        self.fault: Exception | None = None
        self.signature: bytes | None = None
        self.asked = 0

    def public_jwks(self) -> list[dict[str, object]]:
        """Return the public keys."""
        self.asked += 1
        if self.fault:
            raise self.fault
        return [dict(key.public.jwk) for key in self.keys.values()]

    def sign(self, kid: str, alg: str, signing_input: bytes) -> bytes:
        """Return a signature."""
        if self.fault:
            raise self.fault
        assert self.keys[kid].public.algorithm == alg
        return self.signature or self.keys[kid].sign(signing_input)


KMS = Kms()


@pytest.fixture
def kms(settings: Settings) -> Iterator[Kms]:
    """Return the key service of a server that signs with it."""
    global KMS
    KMS = Kms()
    settings.OAUTH_SERVICE_SIGNER = f"{__name__}.KMS"
    return KMS  # type: ignore[return-value]


@pytest.mark.parametrize("path", ["KMS", "Kms", "a_kms"])
def test_a_signer_is_found_by_its_path(path: str, settings: Settings) -> None:
    """The path may name an object, its class, or a function that returns it."""
    settings.OAUTH_SERVICE_SIGNER = f"{__name__}.{path}"
    assert keys.algorithms() == ("ES256", "RS256")


def a_kms() -> Kms:
    """Make a key service on demand."""
    return Kms()


def test_a_signer_signs_and_nothing_is_stored(kms: Kms) -> None:
    """The keys are requested once; the key set has all of them."""
    token = sign(NOW)
    key_set = pyjwt.PyJWKSet.from_dict(keys.jwks(NOW))
    assert pyjwt.decode(token, key_set[kid_of(token)].key, algorithms=["ES256"], audience="app") == CLAIMS
    assert keys.verify(token, typ="JWT", now=NOW) == CLAIMS
    assert (len(published(NOW)), SigningKey.objects.count(), kms.asked) == (2, 0, 1)


@pytest.mark.parametrize("wrong", [b"", b"\x30\x45" + b"x" * 69, b"x" * 64, "text", None])
def test_a_signature_that_is_none_is_never_handed_out(kms: Kms, wrong: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """DER instead of raw R and S is the most common mistake with key services."""
    monkeypatch.setattr(kms, "sign", lambda kid, alg, signing_input: wrong)
    with pytest.raises(TemporarilyUnavailable, match="cannot sign") as refusal:
        sign(NOW)
    assert "not a valid ES256 signature" in refusal.value.detail


def test_a_signer_that_is_away_is_said_to_be(kms: Kms, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is 503, and the key set is still there for verifiers."""
    clock = _Clock(monkeypatch)
    token = sign(NOW)
    kms.fault = ConnectionError("no route to the KMS")
    with pytest.raises(TemporarilyUnavailable):
        sign(NOW)
    clock.seconds += keys.SIGNER_SECONDS + 1
    assert keys.verify(token, typ="JWT", now=NOW) == CLAIMS
    assert len(published(NOW)) == 2


def test_a_signer_that_never_was_there_is_said_to_be(kms: Kms) -> None:
    """A 500 would not say why."""
    kms.fault = ConnectionError("no route to the KMS")
    with pytest.raises(TemporarilyUnavailable) as refusal:
        sign(NOW)
    assert "ConnectionError" in refusal.value.detail


# -- outages and transactions ----------------------------------------------------------------------------------------------


class _Clock:
    """The clock of the process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 1000.0
        monkeypatch.setattr(keys, "time", self)

    def monotonic(self) -> float:
        """Return seconds."""
        return self.seconds


def test_without_its_database_a_process_goes_on_with_what_it_has(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The keys in memory are still usable."""
    clock = _Clock(monkeypatch)
    token = sign(NOW)

    def away() -> list[SigningKey]:
        raise OperationalError("no route to host")

    monkeypatch.setattr(SigningKey.objects, "every", away)
    clock.seconds += keys.REREAD_SECONDS
    assert kid_of(sign(NOW)) == kid_of(token)
    assert "the server continues with the keys" in caplog.text
    keys.forget()
    with pytest.raises(OperationalError):
        sign(NOW)


@pytest.mark.django_db(transaction=True)
def test_a_key_that_was_rolled_back_signs_nothing() -> None:
    """If the host's transaction around the request fails, the key never appears in the key set."""
    with transaction.atomic(using=ALIAS):
        lost = sign(NOW)
        sign(NOW)
        transaction.set_rollback(True, using=ALIAS)
    assert kid_of(sign(NOW)) != kid_of(lost)
    assert SigningKey.objects.count() == 1
