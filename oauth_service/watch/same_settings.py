"""
Fingerprints of keys and settings, told only to callers that already have a token key.

`oauth_doctor --server` sends each server a proof that it has one, and compares their answers. Nothing here runs
otherwise.
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
# The keys are compared one by one, because a server may know more keys than the one that it uses.
_COMPARED_APART = frozenset({conf.TOKEN_KEY.name, conf.TOKEN_KEY_FALLBACKS.name})


def proof(now: datetime) -> str:
    """
    Return an Authorization header that proves knowledge of this process's token keys. A server must know one of them.
    """
    moment = int(now.timestamp())
    return f"{SCHEME} {moment}" + "".join(f".{_mac(key, moment)}" for key in conf.token_keys()[:_MOST_MACS])


def is_proven(authorization: str, *, now: datetime) -> bool:
    """Return whether an Authorization header proves knowledge of one of our token keys, within PROVEN_FOR_SECONDS."""
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
    Return the keys and settings of this process, as digests.

    Returns:
        token_keys and secret_keys: a digest of each key, the one in use first. settings: digests by the name of the
        setting.
    """
    return {
        "token_keys": [_digest(key) for key in conf.token_keys()],
        "secret_keys": [_digest(force_bytes(key)) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)],
        "settings": {each.name: _digest_of(each()) for each in conf.ALL if each.name not in _COMPARED_APART},
    }


def _mac(key: bytes, moment: int) -> str:
    return hmac.digest(key, f"oauth_service doctor {moment}".encode(), "sha256").hex()


def _digest_of(value: object) -> str:
    with translation.override(None):  # lazily translated words would differ with the caller's language
        if isinstance(value, Mapping):
            value = {str(name): str(words) for name, words in value.items()}
        return _digest(json.dumps(value, default=str, sort_keys=True).encode())


def _digest(value: bytes) -> str:
    return hmac.digest(b"oauth_service fingerprint", value, "sha256").hex()[:16]
