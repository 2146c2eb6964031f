"""GET /jwks/ -- the public keys of this server (RFC 7517 section 5; OpenID Connect Discovery section 3)."""

from django.utils import timezone

from .. import conf
from ..tokens import keys
from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import ProgramRequest


@program_endpoint("GET")
def jwks(request: ProgramRequest) -> ProgramResponse:
    """Publish every key that a client may need to verify a signature; 404 if OpenID Connect is off."""
    if not conf.is_openid():
        return ProgramResponse(404)
    # A new key is published a day before it signs, so caching does not delay it. The limit is for retired keys: caches
    # still offer them for that long.
    cached = ("Cache-Control", "public, max-age=600")
    return ProgramResponse.of(keys.jwks(timezone.now()), headers=(cached,))
