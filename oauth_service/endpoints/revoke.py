"""POST /oauth/revoke/ -- token revocation (RFC 7009)."""

from .. import conf, signals
from ..clients import authentication
from ..models import Grant, RevokedToken
from ..protocol import client_authentication, sealed
from ..tokens.presented import PresentedToken, present
from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import ProgramRequest, body_parameters


@program_endpoint("POST")
def revoke(request: ProgramRequest) -> ProgramResponse:
    """
    End one access token alone, or with a refresh token its whole grant; 200 also for what is unknown or another's.

    token_type_hint is not needed: a token says by its prefix what it is (RFC 7009 section 2.1).
    """
    parameters = body_parameters(request)
    parameters.refuse_repeats()
    credentials = client_authentication.credentials(request.authorization, parameters)
    is_refresh_token = parameters.get("token").startswith(sealed.RefreshToken.prefix)
    kind = sealed.RefreshToken if is_refresh_token else sealed.AccessToken
    presented: PresentedToken[sealed.RefreshToken | sealed.AccessToken] = present(
        kind, parameters, "token", Grant.objects.row
    )
    client = authentication.authenticate(credentials, loaded=presented.client)
    parameters.require("token")
    grant = presented.row
    if grant is None or grant.client_pk != client.pk:
        return ProgramResponse()
    try:
        token = presented.unverified.verify(conf.token_keys(), grant.secret)
    except sealed.Unproven:
        return ProgramResponse()
    if isinstance(token, sealed.RefreshToken):
        ended, token_type = Grant.objects.end(grant.pk), "refresh_token"
    else:
        ended, token_type = RevokedToken.objects.add(token.token_id, expires_at=token.expires_at), "access_token"
    if ended:
        signals.announce(
            signals.token_revoked,
            user_id=grant.user_id,
            client_id=client.client_id,
            grant_id=grant.pk,
            token_type=token_type,
        )
    return ProgramResponse()
