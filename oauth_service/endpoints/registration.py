"""GET, PUT, DELETE /register/<client_id>/ -- the client configuration endpoint (RFC 7592 section 2)."""

from django.utils import timezone

from .. import conf
from ..clients import registration as registrations
from ..protocol import registration as rules
from ..protocol.secret import Secret
from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import ProgramRequest, json_body, query_parameters


@program_endpoint("GET", "PUT", "DELETE")
def registration(request: ProgramRequest, client_id: str) -> ProgramResponse:
    """
    Let a client that registered itself read, replace or end its registration; 404 if clients may not register
    themselves.
    """
    if not conf.REGISTRATION():
        return ProgramResponse(404)
    sent = rules.read(json_body(request)) if request.method == "PUT" else {}
    query = frozenset(query_parameters(request))
    own, token = registrations.authenticate(client_id, request.authorization, query=query)
    now, issuer = timezone.now(), conf.issuer_of(request)
    match request.method:
        case "PUT":
            registered = registrations.replace(own, token, sent, issuer=issuer, now=now)
        case "DELETE":
            registrations.end(own, now=now)
            return ProgramResponse(204)
        case _get:
            registered = registrations.Registered(registration=own, secret=Secret(""), token=token)
    return ProgramResponse.of(registered.members(issuer=issuer))
