"""
Whether several servers have the same keys and settings, told to nobody but who has a token key already.

`oauth_doctor --server` asks each with a proof of that, and compares what they answer. Nothing here runs unless it is asked.
"""

import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.encoding import force_bytes

from .. import conf

SCHEME = "OAuthDoctor"
PROVEN_FOR_SECONDS = 300
MEMBER = "same_settings"
_MOST_MACS = 16
_PROOF = re.compile(rf"{SCHEME} (\d{{1,12}})((?:\.[0-9a-f]{{64}}){{1,{_MOST_MACS}}})")
# Compared key by key, as a server may know more than the one that it uses; the time of an answer is everybody's own.
_COMPARED_APART = frozenset({conf.TOKEN_KEY.name, conf.TOKEN_KEY_FALLBACKS.name})


def proof(now: datetime) -> str:
    """The Authorization header of who knows the token keys of this process; a server needs to have one of them."""
    moment = int(now.timestamp())
    return f"{SCHEME} {moment}" + "".join(f".{_mac(key, moment)}" for key in conf.token_keys()[:_MOST_MACS])


def is_proven(authorization: str, *, now: datetime) -> bool:
    """Tell whether an Authorization header was made by who knows one of our token keys, within a few minutes."""
    if not (sent := _PROOF.fullmatch(authorization)):
        return False
    moment = int(sent[1])
    if abs(now.timestamp() - moment) > PROVEN_FOR_SECONDS:
        return False
    macs = sent[2][1:].split(".")
    expected = [_mac(key, moment) for key in conf.token_keys()]
    return any(hmac.compare_digest(one, other) for one in macs for other in expected)


def fingerprints() -> dict[str, Any]:
    """
    What this process runs with, as digests.

    Returns:
        token_keys and secret_keys: of each key, the one that is used first. settings: of each setting, by its name.
    """
    return {
        "token_keys": [_digest(key) for key in conf.token_keys()],
        "secret_keys": [_digest(force_bytes(key)) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)],
        "settings": {each.name: _digest_of(each()) for each in conf.ALL if each.name not in _COMPARED_APART},
    }


def _mac(key: bytes, moment: int) -> str:
    return hmac.digest(key, f"oauth_service doctor {moment}".encode(), "sha256").hex()


def _digest_of(value: object) -> str:
    with translation.override(None):  # words that wait for a language would differ with who asks
        if isinstance(value, Mapping):
            value = {str(name): str(words) for name, words in value.items()}
        return _digest(json.dumps(value, default=str, sort_keys=True).encode())


def _digest(value: bytes) -> str:
    return hmac.digest(b"oauth_service fingerprint", value, "sha256").hex()[:16]
