"""GET /.well-known/oauth-authorization-server -- authorization server metadata (RFC 8414)."""

from urllib.parse import urlsplit

from .. import conf
from ..grant_types import GRANT_TYPES
from ..web.metadata import metadata_response
from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import ProgramRequest


@program_endpoint("GET")
def discovery(request: ProgramRequest, issuer_path: str = "") -> ProgramResponse:
    """
    Describe exactly what works here.

    Args:
        issuer_path: an issuer with a path has its document where that path follows ours (RFC 8414 section 3.1).
    """
    issuer = conf.issuer_of(request)
    if issuer_path and urlsplit(issuer).path != f"/{issuer_path}":
        return ProgramResponse(404)

    return metadata_response(
        request, grant_types=GRANT_TYPES, algorithms=conf.SIGNING_ALGORITHMS() if conf.is_openid() else ()
    )
