"""Findings about the signing keys of an OpenID Provider."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ... import documentation
from ...protocol.signing_key import PUBLISHED_BEFORE, State
from .finding import Finding, error, note, warning

# A key may be overdue by this much: the next request that signs makes its successor.
SLACK = timedelta(days=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A published key. is_row is True if the server makes and replaces it."""

    kid: str
    algorithm: str
    state: State
    is_row: bool
    signs_from: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """
    The keys that the server signs with.

    lifetime is zero if keys are not replaced. fault says why keys from settings or a signer cannot be used; "" if they
    can.
    """

    keys: tuple[Key, ...]
    lifetime: timedelta
    has_signer: bool
    fault: str


def findings(signing: Signing, *, now: datetime) -> Iterator[Finding]:
    if signing.fault:
        yield error(
            "keys-elsewhere",
            f"The signing keys from the settings cannot be used: {signing.fault}.",
            why="The server cannot sign ID tokens, so users cannot sign in with OpenID Connect.",
            remedy="Correct OAUTH_SERVICE_SIGNER or OAUTH_SERVICE_SIGNING_KEYS. "
            f"For what they must be, see {documentation.page('keys')}.",
        )
        return
    signs = [key for key in signing.keys if key.state is State.SIGNS]
    if signing.has_signer and not any(key.algorithm == "RS256" for key in signs):
        yield error(
            "no-rs256",
            "The signer has no RS256 key.",
            why="Clients that do not register another algorithm get RS256 (OpenID Connect Core section 15.1).",
            remedy="Give the signer an RSA key whose alg is RS256.",
        )
    for key in signing.keys:
        if key.state is State.UNREADABLE:
            yield error(
                "key-unreadable",
                "The private key was encrypted with a token key that is not in the settings.",
                why="The server cannot sign with it. Another key replaces it before clients have had a day to fetch it.",
                remedy="Add the earlier token key to OAUTH_SERVICE_TOKEN_KEY_FALLBACKS. If that key is lost, you need not do "
                "anything: tokens that are already signed stay valid.",
                about=key.kid,
            )
        if key.state is State.NEXT:
            yield note(
                "key-takes-over",
                f"The next signing key is published, and signs from {key.signs_from:%Y-%m-%d %H:%M} UTC.",
                why="A client that caches the key set for longer than a day may not have the new key by then.",
                remedy="You need not do anything if clients fetch the key set again when they see an unknown kid.",
                about=key.kid,
            )
    for key in signs:
        yield from _of_age(key, signing, now=now)


def _of_age(key: Key, signing: Signing, *, now: datetime) -> Iterator[Finding]:
    if not key.is_row:
        return
    if not signing.lifetime:
        yield warning(
            "key-for-ever",
            "The signing key is never replaced, because OAUTH_SERVICE_SIGNING_KEY_LIFETIME is None.",
            why="The longer a key is used, the more people have had access to it.",
            remedy="Set a lifetime, run `manage.py oauth_keys rotate` regularly, or set OAUTH_SERVICE_SIGNING_KEYS.",
            about=key.kid,
        )
    elif now - key.signs_from > signing.lifetime + PUBLISHED_BEFORE + SLACK:
        yield warning(
            "key-overdue",
            f"The signing key has been in use for {(now - key.signs_from).days} days and should have been replaced.",
            why="The server makes the next key when it signs. It has not signed recently, or could not store the key.",
            remedy="Look in the log of oauth_service.keys for the reason, or run `manage.py oauth_keys rotate`.",
            about=key.kid,
        )
