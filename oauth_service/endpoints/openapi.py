"""GET /openapi.json -- the description of every endpoint (OpenAPI 3.1)."""

from urllib.parse import urljoin

from django.conf import settings
from django.urls import reverse
from django.utils import translation

from .. import conf, grant_types
from ..openapi import Server, document
from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import ProgramRequest


@program_endpoint("GET")
def openapi(request: ProgramRequest) -> ProgramResponse:
    """Describe the parameters and responses of each URL."""
    with translation.override("en"):  # like the rest of the document, which caches may share
        scopes = {name: str(meaning) for name, meaning in conf.SCOPES().items()}
    here = urljoin(conf.issuer_of(request), reverse("oauth_service:openapi"))
    server = Server(
        url=here.removesuffix("/openapi.json"),
        name=conf.SERVICE_NAME(),
        scopes=scopes,
        grant_types=tuple(each.DESCRIPTION for each in grant_types.offered().values()),
        has_devices=conf.DEVICE_AUTHORIZATION(),
        has_registration=bool(conf.REGISTRATION()),
        has_client_documents=conf.CLIENT_ID_METADATA_DOCUMENTS(),
        has_global_revocation=conf.GLOBAL_TOKEN_REVOCATION(),
        session_cookie=settings.SESSION_COOKIE_NAME,
        csrf_cookie=settings.CSRF_COOKIE_NAME,
    )
    return ProgramResponse.of(document(server), headers=(("Cache-Control", "public, max-age=300"),))
