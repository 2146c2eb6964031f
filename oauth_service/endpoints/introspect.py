"""POST /introspect/ -- token introspection (RFC 7662), signed on request (RFC 9701)."""

from datetime import datetime

from django.utils import timezone

from .. import conf
from ..clients import authentication
from ..protocol import client_authentication
from ..protocol import introspection as rules
from ..protocol.secret import Secret
from ..tokens import introspection
from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import ProgramRequest, body_parameters


@program_endpoint("POST")
def introspect(request: ProgramRequest) -> ProgramResponse:
    """
    Tell a client about a token that was issued to it or is for a resource of its own; 404 if introspection is off.

    token_type_hint is not needed, because a token's prefix tells its type (RFC 7662 section 2.1).
    """
    if not conf.INTROSPECTION():
        return ProgramResponse(404)
    parameters = body_parameters(request)
    now = timezone.now()
    parameters.refuse_repeats()
    credentials = client_authentication.credentials(request.authorization, parameters)
    # "the authorization server MUST require authentication of protected resources that need to access the introspection
    # endpoint" (section 4).
    client = authentication.authenticate_confidential(credentials, request, now=now)
    token = Secret(parameters.require("token"))
    issuer = conf.issuer_of(request)
    members = introspection.introspect(token, client, issuer=issuer, now=now)
    if conf.is_openid() and rules.wants_jwt(request.accept):
        return _signed(rules.jwt_claims(members, issuer=issuer, asker=client.client_id, now=now), now=now)
    return ProgramResponse.of(members)


def _signed(claims: dict[str, object], *, now: datetime) -> ProgramResponse:
    from ..tokens import keys  # imported here: only projects with OpenID Connect need it

    text = keys.sign(claims, algorithm=rules.ALGORITHM, typ=rules.TYP, now=now)
    return ProgramResponse(200, text.encode(), (("Content-Type", rules.MEDIA_TYPE),))
