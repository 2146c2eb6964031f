"""POST /oauth/revoke/ -- token revocation (RFC 7009)."""

from functools import partial
from typing import Any, cast

from django.utils import timezone

from .. import conf, signals
from ..clients import authentication
from ..models import AuthorisationRow, ClientRow, Grant, RevokedToken
from ..protocol import client_authentication, sealed
from ..tokens import access_token
from ..tokens.presented import PresentedToken, present
from ..web.programs import ProgramResponse, program_endpoint
from ..web.requests import ProgramRequest, body_parameters


@program_endpoint("POST")
def revoke(request: ProgramRequest) -> ProgramResponse:
    """
    Revoke an access token alone, or a refresh token with its whole grant; 200 also for unknown tokens and other
    clients' tokens.

    token_type_hint is not needed, because a token's prefix tells its type (RFC 7009 section 2.1).
    """
    parameters = body_parameters(request)
    now = timezone.now()
    parameters.refuse_repeats()
    credentials = client_authentication.credentials(request.authorization, parameters)
    is_refresh_token = parameters.get("token").startswith(sealed.RefreshToken.prefix)
    kind = sealed.RefreshToken if is_refresh_token else sealed.AccessToken
    presented: PresentedToken[sealed.RefreshToken | sealed.AccessToken] = present(
        kind,
        parameters,
        "token",
        Grant.objects.row,
        read=None
        if is_refresh_token
        else cast("Any", partial(access_token.read, issuer=conf.issuer_of(request), now=now)),
    )
    client = authentication.authenticate(credentials, request, now=now, loaded=presented.client)
    parameters.require("token")
    try:
        token = presented.unverified.verify(conf.token_keys(), _secret_of(presented, client))
    except sealed.Unproven:
        return ProgramResponse()
    grant = presented.row
    if isinstance(token, sealed.RefreshToken):
        ended, token_type = Grant.objects.end(token.grant_id), "refresh_token"
    else:
        ended, token_type = RevokedToken.objects.add(token.token_id, expires_at=token.expires_at), "access_token"
    if ended:
        signals.announce(
            signals.token_revoked,
            user_id=grant.user_id if grant else None,
            client_id=client.client_id,
            grant_id=grant.pk if grant else None,
            token_type=token_type,
        )
    return ProgramResponse()


def _secret_of(presented: PresentedToken[sealed.RefreshToken | sealed.AccessToken], client: ClientRow) -> bytes:
    """
    Return the secret that proves the token, if the token belongs to this client.

    Raises:
        Unproven: it is not genuine, or belongs to another client. It stays as it is.
    """
    claimed = presented.unverified.payload
    if isinstance(claimed, sealed.AccessToken) and claimed.is_own:
        if claimed.row_id == client.row_id and (secret := client.sealing_secret):
            return secret
    elif (grant := presented.row) and _issued_to(claimed, grant) == client.client_id:
        return grant.secret
    raise sealed.Unproven("the token is not genuine", detail=f"it is not a token of client {client.client_id}")


def _issued_to(claimed: sealed.RefreshToken | sealed.AccessToken, grant: AuthorisationRow) -> str:
    # An exchanged token belongs to the service that exchanged it, not to the app that the user allowed (RFC 8693).
    exchanged_by = claimed.client_id if isinstance(claimed, sealed.AccessToken) else ""
    return exchanged_by or grant.client.client_id
