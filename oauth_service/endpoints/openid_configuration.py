"""GET /.well-known/openid-configuration -- metadata of an OpenID Provider (OpenID Connect Discovery 1.0)."""

from .. import conf, grant_types
from ..clients import key_sets
from ..web.metadata import metadata_response
from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import ProgramRequest


@program_endpoint("GET")
def openid_configuration(request: ProgramRequest, issuer_path: str = "") -> ProgramResponse:
    """Return the same document as RFC 8414's; 404 if this server is no OpenID Provider."""
    if not conf.is_openid():
        return ProgramResponse(404)
    return metadata_response(
        request,
        issuer_path,
        grant_types=grant_types.offered(),
        algorithms=conf.SIGNING_ALGORITHMS(),
        verifies_assertions=key_sets.is_available(),
    )
