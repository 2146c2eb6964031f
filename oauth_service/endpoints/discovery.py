"""GET /.well-known/oauth-authorization-server -- authorization server metadata (RFC 8414)."""

from urllib.parse import urljoin, urlsplit

from django.urls import reverse

from .. import conf
from ..grant_types import GRANT_TYPES
from ..protocol import metadata
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

    def url(name: str) -> str:
        return urljoin(issuer, reverse(f"oauth_service:{name}"))

    document = metadata.document(
        issuer=issuer,
        authorization_endpoint=url("authorise"),
        token_endpoint=url("token"),
        userinfo_endpoint=url("userinfo"),
        revocation_endpoint=url("revoke"),
        scopes=conf.SCOPES(),
        grant_types=GRANT_TYPES,
    )
    # Not service_documentation: that is "a page containing human-readable information" (section 2). RFC 8631 has a link for
    # descriptions that programs read.
    described_by = f'<{url("openapi")}>; rel="service-desc"; type="application/json"'
    return ProgramResponse.of(document, headers=(("Cache-Control", "public, max-age=300"), ("Link", described_by)))
