"""manage.py oauth_keys."""

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from oauth_service import signals
from oauth_service.models import SigningKey
from oauth_service.tokens import keys
from tests.test_signals import Committed

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}


@pytest.fixture(autouse=True)
def openid(settings: Settings, db: None) -> Settings:
    """An OpenID Provider, with algorithms whose keys are quickly made."""
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are"}
    settings.OAUTH_SERVICE_SIGNING_ALGORITHMS = ("ES256", "EdDSA")
    return settings


@pytest.fixture
def events() -> Iterator[list[tuple[str, str]]]:
    """Announced changes of keys: action and kid."""
    heard: list[tuple[str, str]] = []

    def hear(action: str, kid: str, **_: object) -> None:
        heard.append((action, kid))

    signals.signing_key_changed.connect(hear)
    yield heard
    signals.signing_key_changed.disconnect(hear)


def said(*arguments: str) -> str:
    """Run the command; return its output."""
    output = StringIO()
    call_command("oauth_keys", *arguments, stdout=output)
    keys.forget()  # the servers are other processes
    return output.getvalue()


def listed() -> list[dict[str, Any]]:
    """The list for programs."""
    found: list[dict[str, Any]] = json.loads(said("list", "--json"))
    return found


def kid(algorithm: str = "ES256") -> str:
    """kid of the key that signs."""
    token = keys.sign({}, algorithm=algorithm, typ="JWT", now=timezone.now())
    return next(each.key.kid for each in keys.key_states(timezone.now()) if token and each.key.algorithm == algorithm)


def pem_file(folder: Path, raw: Any, password: bytes = b"") -> str:
    """A private key in a file."""
    hidden: Any = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    path = folder / "key.pem"
    path.write_bytes(raw.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden))
    return str(path)


def test_the_list_says_what_each_key_is_for() -> None:
    """Operators get a table. Listing keys must make none."""
    assert (said("list").split(), SigningKey.objects.count()) == (
        ["kid", "algorithm", "state", "signs_from", "signs_until", "published_until", "source"],
        0,
    )
    name = kid()
    [_head, row] = said("list").splitlines()
    assert row.split()[:3] == [name, "ES256", "signs"]


def test_no_list_shows_private_parts(settings: Settings) -> None:
    """Keys may come from the database or from the settings, and the list may be text or JSON."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    kid("EdDSA")
    settings.OAUTH_SERVICE_SIGNING_KEYS = [pem.decode()]
    assert [set(each["jwk"]) & PRIVATE for each in listed()] == [set(), set()]
    assert pem.decode().splitlines()[1] not in said("list") + said("list", "--json")


def test_rotate_makes_the_next_key_of_each_algorithm(events: list[tuple[str, str]], committed: Committed) -> None:
    """A signal announces each new key."""
    first = kid()
    with committed():
        printed = said("rotate")
    states = {(each["algorithm"], each["state"]): each["kid"] for each in listed()}
    assert states[("ES256", "signs")] == first
    assert set(states) == {("ES256", "signs"), ("ES256", "next"), ("EdDSA", "signs")}  # the first EdDSA key has no wait
    assert f"{states[('ES256', 'next')]} signs from " in printed
    assert events == [("made", states[("ES256", "next")]), ("made", states[("EdDSA", "signs")])]


def test_rotate_of_one_algorithm_at_once() -> None:
    """Some operators cannot wait a day. Two calls within a minute count as one, because two people may have called."""
    first = kid()
    SigningKey.objects.update(signs_from=timezone.now() - timedelta(hours=1))
    assert said("rotate", "--algorithm", "ES256", "--now") == f"{kid()} signs now.\n"
    assert said("rotate", "--algorithm", "ES256", "--now") == f"{kid()} signs now.\n"
    assert (kid() != first, SigningKey.objects.count()) == (True, 2)


@pytest.mark.parametrize(
    ("raw", "arguments", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP256R1()), [], "ES256"),
        (ed25519.Ed25519PrivateKey.generate(), [], "EdDSA"),
        (rsa.generate_private_key(public_exponent=65537, key_size=2048), [], "RS256"),
        (rsa.generate_private_key(public_exponent=65537, key_size=2048), ["--algorithm", "PS256"], "PS256"),
    ],
    ids=["EC", "Ed25519", "RSA", "RSA for PS256"],
)
def test_an_operators_own_key_is_imported(
    raw: Any,
    arguments: list[str],
    algorithm: str,
    tmp_path: Path,
    settings: Settings,
    events: list[tuple[str, str]],
    committed: Committed,
) -> None:
    """The key signs after a day of publication, or at once if there is no other."""
    settings.OAUTH_SERVICE_SIGNING_ALGORITHMS = ("RS256", "ES256", "PS256", "EdDSA")
    with committed():
        printed = said("import", pem_file(tmp_path, raw), *arguments)
    [row] = SigningKey.objects.every()
    assert (row.algorithm, printed) == (algorithm, f"{row.kid} signs now.\n")
    assert events == [("imported", row.kid)]


@pytest.mark.parametrize(
    ("raw", "arguments", "words"),
    [
        (ec.generate_private_key(ec.SECP384R1()), [], "must be RSA of 2048 bits or more, EC on P-256, or Ed25519"),
        (rsa.generate_private_key(public_exponent=65537, key_size=1024), [], "RSA of 2048 bits or more"),  # noqa: S505
        (ec.generate_private_key(ec.SECP256R1()), ["--algorithm", "RS256"], "not for RS256, but for ES256"),
    ],
)
def test_a_key_that_no_client_could_verify_is_refused(
    raw: Any, arguments: list[str], words: str, tmp_path: Path
) -> None:
    """Clients need RSA keys of 2048 bits or more (RFC 7518 section 3.3), and keys that fit the algorithm."""
    with pytest.raises(CommandError, match=words):
        said("import", pem_file(tmp_path, raw), *arguments)


def test_what_is_no_private_key_is_refused_without_being_repeated(tmp_path: Path) -> None:
    """The input may be a damaged private key, so the error must not show it."""
    path = tmp_path / "key.pem"
    for text in ("", "nonsense-secret", "-----BEGIN PRIVATE KEY-----\nbm9uc2Vuc2U=\n-----END PRIVATE KEY-----"):
        path.write_text(text)
        with pytest.raises(CommandError, match="it is not a private key in PEM format") as refusal:
            said("import", str(path))
        assert not text or text not in str(refusal.value)
    path.write_bytes(b"\xff\xfe")
    for name in (str(path), str(tmp_path / "absent")):
        with pytest.raises(CommandError, match="cannot be read"):
            said("import", name)


def test_an_encrypted_key_is_refused_with_the_reason(tmp_path: Path) -> None:
    """The server could not ask for its password later."""
    with pytest.raises(CommandError, match="encrypted: decrypt it first"):
        said("import", pem_file(tmp_path, ec.generate_private_key(ec.SECP256R1()), b"open sesame"))


def test_an_algorithm_that_is_switched_off_is_not_imported(tmp_path: Path) -> None:
    """No client can register for an algorithm that is switched off."""
    raw = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(CommandError, match="SIGNING_ALGORITHMS has no RS256"):
        said("import", pem_file(tmp_path, raw))


def test_a_retired_key_is_gone_at_once(events: list[tuple[str, str]], committed: Committed) -> None:
    """An operator retires a key that was stolen. Another key takes over."""
    first = kid()
    with committed():
        printed = said("retire", first)
    assert f"{first} is retired." in printed
    assert [(each["kid"] != first, each["state"]) for each in listed()] == [(True, "signs")]
    assert not SigningKey.objects.filter(kid=first).exists()
    assert events == [("retired", first), ("made", kid())]


def test_a_key_that_is_not_there_cannot_be_retired() -> None:
    """A typing error must change nothing."""
    name = kid()
    with pytest.raises(CommandError, match=r"There is no key ES256-x\."):
        said("retire", "ES256-x")
    assert kid() == name


@pytest.mark.parametrize("arguments", [["list"], ["rotate"], ["import", "-"], ["retire", "x"]])
def test_without_openid_connect_there_are_no_keys(arguments: list[str], settings: Settings) -> None:
    """The error says how to switch it on."""
    settings.OAUTH_SERVICE_SCOPES = {"user": "Your name"}
    with pytest.raises(CommandError, match="there is no openid in OAUTH_SERVICE_SCOPES"):
        said(*arguments)
