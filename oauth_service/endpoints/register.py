"""POST /register/ -- the client registration endpoint (RFC 7591 section 3, OpenID Connect Registration 1.0 section 3)."""

from django.utils import timezone

from .. import conf
from ..clients import registration
from ..models import purge
from ..protocol import registration as rules
from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import ProgramRequest, json_body, query_parameters


@program_endpoint("POST")
def register(request: ProgramRequest) -> ProgramResponse:
    """Register the client that sends the request; 404 if clients may not register themselves."""
    if not conf.REGISTRATION():
        return ProgramResponse(404)
    sent = rules.read(json_body(request))
    now, issuer = timezone.now(), conf.issuer_of(request)
    initial = registration.initial_access_token(
        request.authorization, query=frozenset(query_parameters(request)), now=now
    )
    registered = registration.register(sent, initial, issuer=issuer, now=now)
    purge.ride_along(now=now)
    return ProgramResponse.of(registered.members(issuer=issuer), status=201)
