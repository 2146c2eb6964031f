"""POST /global-token-revocation/ -- end everything that a user has (draft-parecki-oauth-global-token-revocation)."""

from django.utils import timezone

from .. import conf
from ..clients import authentication
from ..people import global_revocation
from ..protocol import client_authentication
from ..protocol.errors import RevocationForbidden, UserNotFound
from ..protocol.parameters import from_json_with_object
from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import ProgramRequest, json_body


@program_endpoint("POST")
def global_token_revocation(request: ProgramRequest) -> ProgramResponse:
    """
    End every connection, code and session of the user that a subject identifier names; 404 if this is off.

    204 means that nothing that the user had is valid any more, also if there was nothing (section 3.4).
    """
    if not conf.GLOBAL_TOKEN_REVOCATION():
        return ProgramResponse(404)
    parameters, sub_id = from_json_with_object(json_body(request), "sub_id")
    now = timezone.now()
    parameters.refuse_repeats()
    credentials = client_authentication.credentials(request.authorization, parameters)
    client = authentication.authenticate_confidential(credentials, request, now=now)
    if not client.may_revoke_users:
        raise RevocationForbidden("this client may not end what users have", detail=f"client {client.client_id}")
    issuer = conf.issuer_of(request)
    if not (user_ids := global_revocation.users_of(sub_id, client, issuer=issuer)):
        raise UserNotFound("sub_id names no user of this server", detail=f"client {client.client_id}")
    global_revocation.end_all(user_ids, client=client, issuer=issuer, now=now)
    return ProgramResponse(204)
