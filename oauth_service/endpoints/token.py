"""POST /token/ -- the token endpoint (RFC 6749 section 3.2)."""

from django.utils import timezone

from .. import conf, grant_types
from ..clients import authentication
from ..models import purge
from ..protocol import client_authentication, resource_indicators
from ..protocol.errors import UnauthorizedClient, UnsupportedGrantType
from ..protocol.parameters import Parameters
from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import ProgramRequest, body_parameters


@program_endpoint("POST")
def token(request: ProgramRequest) -> ProgramResponse:
    """Authenticate the client and exchange what it presents for tokens (RFC 6749 section 5)."""
    parameters = body_parameters(request)
    # Not earlier: a client that keeps its request open must not redeem a code by the time when it sent the headers.
    now = timezone.now()
    parameters.refuse_repeats(allowed=_repeatable(parameters))
    grant_type = parameters.require("grant_type")
    credentials = client_authentication.credentials(request.authorization, parameters)
    exchange = grant_types.named(grant_type)
    # Read the presented code or token together with its client, in one statement. Nothing is decided by it yet.
    presented = exchange.present(parameters) if exchange else None
    client = authentication.authenticate(credentials, request, now=now, loaded=presented.client if presented else None)
    if not exchange or not presented:
        raise UnsupportedGrantType("grant_type is not supported", detail=f"grant_type {grant_type[:100]!r}")
    if not client.may_use(grant_type):
        raise UnauthorizedClient("this client may not use this grant type", detail=f"client {client.client_id}")
    issuer = conf.issuer_of(request) if conf.is_openid() or exchange.DESCRIPTION.needs_issuer else ""
    answer = exchange.exchange(presented, parameters, client, issuer=issuer, now=now)
    if purge.ride_along(now=now) and conf.is_openid():
        from ..outbound import deliveries  # imported here: only projects with OpenID Connect need it

        deliveries.wake_if_due(now=now)
    return ProgramResponse.of(answer.members())


def _repeatable(parameters: Parameters) -> frozenset[str]:
    """Return the parameters that the grant type lets a client repeat (RFC 8707 section 2, RFC 8693 section 2.1)."""
    found = None if parameters.is_repeated("grant_type") else grant_types.named(parameters.get("grant_type"))
    return frozenset({resource_indicators.PARAMETER}) | (found.DESCRIPTION.repeatable if found else frozenset())
