"""GET /openapi.json -- the description of every endpoint (OpenAPI 3.1)."""

from urllib.parse import urljoin

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse

from .. import conf
from ..grant_types import GRANT_TYPES
from ..http import answers_in_json
from ..openapi import Server, document


@answers_in_json("GET")
def openapi(request: HttpRequest) -> HttpResponse:
    """Describe what each URL takes and answers."""
    here = urljoin(conf.issuer(request), reverse("oauth_service:openapi"))
    response = JsonResponse(
        document(
            Server(
                url=here.removesuffix("/openapi.json"),
                name=conf.SERVICE_NAME(),
                scopes={name: str(meaning) for name, meaning in conf.SCOPES().items()},
                grant_types=tuple(GRANT_TYPES),
                session_cookie=settings.SESSION_COOKIE_NAME,
                csrf_cookie=settings.CSRF_COOKIE_NAME,
            )
        )
    )
    response["Cache-Control"] = "public, max-age=300"
    return response
