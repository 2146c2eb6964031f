"""MACs of clients, verified with their secrets (client_secret_jwt: OpenID Connect Core section 9, RFC 7523 section 2.2)."""

from datetime import datetime

from ..models import Client, ClientRow
from ..models.client_secret import open_secret
from ..protocol.jwt import InvalidJWT, UnverifiedJWT
from . import previous_secret


def verify(jwt: UnverifiedJWT, client: ClientRow, *, now: datetime) -> None:
    """
    Verify the MAC of a JWT with the secrets of its client. The caller has checked its algorithm.

    One statement. A secret that is encrypted under an earlier token key is encrypted again under the current one,
    because the earlier key will be removed. The use of the previous secret is
    recorded.

    Raises:
        InvalidJWT: none of the client's secrets made the MAC, or none can be decrypted.
    """
    from ..tokens import jwk_set

    found = Client.objects.sealed_secrets(client)
    unreadable = 0
    for position, sealed in enumerate(found):  # the newest first
        secret, is_of_earlier_key = open_secret(sealed, client.client_id)
        if not secret:
            unreadable += 1
        elif jwk_set.has_mac(jwt, secret):
            if is_of_earlier_key:
                Client.objects.seal_again(client, sealed, secret)
            if position > 0:
                previous_secret.was_used(client, now=now)
            return
    if not found:
        raise InvalidJWT("no secret of it can be read, as none was kept encrypted: rotate it")
    if unreadable == len(found):
        raise InvalidJWT("its secret was encrypted under another token key: rotate it")
    raise InvalidJWT("no secret of the client verifies the MAC")
