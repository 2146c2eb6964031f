"""POST /token/ -- the token endpoint (RFC 6749 section 3.2)."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from .. import clients
from ..grant_types import GRANT_TYPES
from ..http import answers_in_json, body_parameters
from ..models import purge
from ..protocol.errors import UnauthorizedClient, UnsupportedGrantType


@answers_in_json("POST")
def token(request: HttpRequest) -> HttpResponse:
    """Authenticate the client, let its grant type decide, answer with tokens (RFC 6749 section 5)."""
    now = timezone.now()
    parameters = body_parameters(request)
    parameters.refuse_repeats()
    grant_type = parameters.require("grant_type")
    client = clients.authenticate(request, parameters)
    if grant_type not in GRANT_TYPES:
        raise UnsupportedGrantType("grant_type is not supported", detail=f"grant_type {grant_type[:100]!r}")
    if not client.may_use(grant_type):
        raise UnauthorizedClient("this client may not use this grant type", detail=f"client {client.client_id}")
    answer = GRANT_TYPES[grant_type](parameters, client, now=now)
    purge.ride_along(now=now)
    return JsonResponse(answer.members())
