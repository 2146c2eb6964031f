"""GET /.well-known/oauth-authorization-server -- authorization server metadata (RFC 8414)."""

from .. import conf, grant_types
from ..clients import key_sets
from ..web.metadata import metadata_response
from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import ProgramRequest


@program_endpoint("GET")
def discovery(request: ProgramRequest, issuer_path: str = "") -> ProgramResponse:
    """Describe exactly what this server supports."""
    algorithms = conf.SIGNING_ALGORITHMS() if conf.is_openid() else ()
    return metadata_response(
        request,
        issuer_path,
        grant_types=grant_types.offered(),
        algorithms=algorithms,
        verifies_assertions=key_sets.is_available(),
    )
