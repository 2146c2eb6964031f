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
            f"The keys that the settings name cannot be used: {signing.fault}.",
            why="No ID token can be signed, and nobody can sign in with OpenID Connect.",
            remedy="Mend OAUTH_SERVICE_SIGNER or OAUTH_SERVICE_SIGNING_KEYS. "
            f"What they must be: see {documentation.page('keys')}.",
        )
        return
    signs = [key for key in signing.keys if key.state is State.SIGNS]
    if signing.has_signer and not any(key.algorithm == "RS256" for key in signs):
        yield error(
            "no-rs256",
            "The signer has no RS256 key.",
            why="It is what clients get that register nothing else (OpenID Connect Core section 15.1).",
            remedy="Give the signer an RSA key whose alg is RS256.",
        )
    for key in signing.keys:
        if key.state is State.UNREADABLE:
            yield error(
                "key-unreadable",
                "Its private part was encrypted under a token key that is not among those of the settings.",
                why="It signs nothing. Another key has taken over or will, before clients have had a day to learn of it.",
                remedy="Add the earlier token key to OAUTH_SERVICE_TOKEN_KEY_FALLBACKS. If it is lost, there is nothing to do: "
                "what the key has signed stays good.",
                about=key.kid,
            )
        if key.state is State.NEXT:
            yield note(
                "key-takes-over",
                f"It is published, and signs from {key.signs_from:%Y-%m-%d %H:%M} UTC.",
                why="A client that keeps the key set for longer than a day may not know it then.",
                remedy="Nothing, if clients look again when they meet a kid that they do not know.",
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
            "OAUTH_SERVICE_SIGNING_KEY_LIFETIME is None: nobody replaces it.",
            why="The longer a key is used, the more of those who have seen it have left.",
            remedy="Set a lifetime, run `manage.py oauth_keys rotate` now and then, or give keys by OAUTH_SERVICE_SIGNING_KEYS.",
            about=key.kid,
        )
    elif now - key.signs_from > signing.lifetime + PUBLISHED_BEFORE + SLACK:
        yield warning(
            "key-overdue",
            f"It has signed for {(now - key.signs_from).days} days.",
            why="Whoever signs makes the next key in time: nobody has asked for one, or it could not be stored.",
            remedy="See in the log of oauth_service.keys why, or run `manage.py oauth_keys rotate`.",
            about=key.kid,
        )
