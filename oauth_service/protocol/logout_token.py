"""The logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4)."""

import uuid
from datetime import datetime

EVENT = "http://schemas.openid.net/event/backchannel-logout"
LIFETIME_SECONDS = 120


def claims(*, issuer: str, client_id: str, subject: str, sid: str, now: datetime) -> dict[str, object]:
    """
    Return the claims of a logout token: both sub and sid, and never a nonce, so that it cannot pass for an ID token.

    Args:
        sid: of the sign-in that has ended.
    """
    issued_at = int(now.timestamp())
    return {
        "iss": issuer,
        "sub": subject,
        "aud": client_id,
        "iat": issued_at,
        "exp": issued_at + LIFETIME_SECONDS,
        "jti": uuid.uuid4().hex,
        "events": {EVENT: {}},
        "sid": sid,
    }
