"""POST /oauth/revoke/ -- token revocation (RFC 7009)."""

from django.http import HttpRequest, HttpResponse

from .. import clients, conf, signals
from ..http import answers_in_json, body_parameters
from ..models import Client, Grant, RevokedToken
from ..protocol import sealed


@answers_in_json("POST")
def revoke(request: HttpRequest) -> HttpResponse:
    """
    End one access token alone, or with a refresh token its whole grant; 200 also for what is unknown or another's.

    token_type_hint is not needed: a token says by its prefix what it is (RFC 7009 section 2.1).
    """
    parameters = body_parameters(request)
    parameters.refuse_repeats()
    client = clients.authenticate(request, parameters)
    token = parameters.require("token")
    if token.startswith(sealed.RefreshToken.prefix):
        _revoke(sealed.RefreshToken, token, client)
    else:
        _revoke(sealed.AccessToken, token, client)
    return HttpResponse()


def _revoke(kind: type[sealed.RefreshToken] | type[sealed.AccessToken], text: str, client: Client) -> None:
    try:
        claim = sealed.read(kind, text)
        grant = Grant.objects.facts(claim.row_id)
        if grant is None or grant.client_pk != client.pk:
            return
        token = claim.prove(conf.token_keys(), bytes(grant.secret))
    except sealed.Unproven:
        return
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
