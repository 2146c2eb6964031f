"""GET /.well-known/oauth-authorization-server -- authorization server metadata (RFC 8414)."""

from urllib.parse import urljoin, urlsplit

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse

from .. import conf
from ..grant_types import GRANT_TYPES
from ..http import answers_in_json
from ..protocol import metadata


@answers_in_json("GET")
def discovery(request: HttpRequest, issuer_path: str = "") -> HttpResponse:
    """
    Describe exactly what works here.

    Args:
        issuer_path: an issuer with a path has its document where that path follows ours (RFC 8414 section 3.1).
    """
    issuer = conf.issuer(request)
    if issuer_path and urlsplit(issuer).path != f"/{issuer_path}":
        return HttpResponse(status=404)

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
    response = JsonResponse(document)
    response["Cache-Control"] = "public, max-age=300"
    # Not service_documentation: that is "a page containing human-readable information" (section 2). RFC 8631 has a link for
    # descriptions that programs read.
    response["Link"] = f'<{url("openapi")}>; rel="service-desc"; type="application/json"'
    return response
