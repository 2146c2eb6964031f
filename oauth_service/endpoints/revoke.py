"""POST /oauth/revoke/ -- token revocation (RFC 7009)."""

from .. import clients, conf, signals
from ..http import Answer, Call, answers_calls, body_parameters
from ..models import Grant, RevokedToken
from ..presented import Presented, present
from ..protocol import client_authentication, sealed


@answers_calls("POST")
def revoke(call: Call) -> Answer:
    """
    End one access token alone, or with a refresh token its whole grant; 200 also for what is unknown or another's.

    token_type_hint is not needed: a token says by its prefix what it is (RFC 7009 section 2.1).
    """
    parameters = body_parameters(call)
    parameters.refuse_repeats()
    credentials = client_authentication.credentials(call.authorization, parameters)
    text = parameters.get("token")
    kind = sealed.RefreshToken if text.startswith(sealed.RefreshToken.prefix) else sealed.AccessToken
    presented: Presented[sealed.RefreshToken | sealed.AccessToken] = present(kind, text, Grant.objects.facts)
    client = clients.authenticate(credentials, loaded=presented.client)
    parameters.require("token")
    claim, grant = presented.claim, presented.facts
    if claim is None or grant is None or grant.client_pk != client.pk:
        return Answer()
    try:
        token = claim.prove(conf.token_keys(), grant.secret)
    except sealed.Unproven:
        return Answer()
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
    return Answer()
