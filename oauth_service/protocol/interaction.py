"""
The sealed progress of an authorization request through our pages (OpenID Connect Core 1.0 section 3.1.2.1).

`prompt=login` requires a fresh sign-in. The request comes back from the login page unchanged, so it must say since when a sign-in
counts as fresh. A MAC that covers the request prevents changes in the address.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

from ..values import value_class
from .clock import MOST_SKEW
from .parameters import Parameters

PARAMETER = "interaction"
LIFETIME_SECONDS = 3600
# The parameters that identify a request. scope is not one: the consent page adds it if the client did not send it.
_BOUND_TO = (
    "client_id",
    "redirect_uri",
    "state",
    "nonce",
    "code_challenge",
    "prompt",
    "max_age",
    "acr_values",
    "claims",
    "id_token_hint",
    "response_mode",
)
_MAC_BYTES = 32


@value_class(kw_only=True)
class Interaction:
    """
    Attributes:
        since: a sign-in from this moment on counts as fresh, in seconds since the epoch; 0 if none was required.
        before: id of the sign-in that was not fresh enough; "" if nobody was signed in.
        account: primary key, as text, of the account that the user chose; "" for none.
        stepped_up: True if the user has already been sent to a stronger sign-in.
    """

    since: int = 0
    before: str = ""
    account: str = ""
    stepped_up: bool = False

    def seal(self, parameters: Parameters, *, key: bytes, now: int) -> str:
        """Return the value of the interaction parameter to send along with these parameters."""
        body = json.dumps(
            [now, self.since, self.before, self.account, int(self.stepped_up)], separators=(",", ":")
        ).encode()
        return base64.urlsafe_b64encode(body + _mac(body, parameters, key)).rstrip(b"=").decode()


def read(parameters: Parameters, *, keys: Sequence[bytes], now: int) -> Interaction:
    """Read the progress of a request; empty if the parameter is absent, forged, of another request, or too old."""
    text = "" if parameters.is_repeated(PARAMETER) else parameters.get(PARAMETER)
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        body, mac = sealed[:-_MAC_BYTES], sealed[-_MAC_BYTES:]
        if not any(hmac.compare_digest(mac, _mac(body, parameters, key)) for key in keys):
            return Interaction()
        at, since, before, account, stepped_up = json.loads(body)
    except (binascii.Error, ValueError):
        return Interaction()
    if not now - LIFETIME_SECONDS <= at <= now + MOST_SKEW.total_seconds():
        return Interaction()
    return Interaction(since=since, before=before, account=account, stepped_up=bool(stepped_up))


def _mac(body: bytes, parameters: Parameters, key: bytes) -> bytes:
    bound: list[Any] = [[name, "" if parameters.is_repeated(name) else parameters.get(name)] for name in _BOUND_TO]
    if resources := parameters.get_all("resource"):
        bound.append(["resource", *resources])
    digest = hashlib.sha256(json.dumps(bound).encode()).digest()
    own_key = hmac.digest(key, b"oauth_service interaction", "sha256")
    return hmac.digest(own_key, digest + body, "sha256")
