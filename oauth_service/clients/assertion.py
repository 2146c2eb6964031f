"""Authentication of a client by its own assertion (RFC 7523 section 2.2, OpenID Connect Core section 9)."""

from datetime import datetime
from urllib.parse import urljoin

from django.urls import reverse

from .. import conf
from ..models import ClientRow, Once
from ..protocol import client_assertion
from ..protocol.client_authentication import Credentials
from ..protocol.jwt import InvalidJWT
from . import key_sets, macs


def fault_of(client: ClientRow, credentials: Credentials, request: conf.RequestOrigin, *, now: datetime) -> str:
    """
    Return why an assertion does not authenticate its client; "" if it does, and the assertion is then used up.

    The client must be registered for the method of the credentials. A valid assertion takes one statement, the INSERT
    of its jti, and one before it if the key of a MAC has to be read.
    """
    assertion = credentials.assertion
    if assertion is None:
        return "no assertion was sent"
    if not key_sets.is_available():
        return "assertions need the extra oidc, which is not installed"
    issuer = conf.issuer_of(request)
    token_endpoint = ""
    if conf.ASSERTIONS_FOR_TOKEN_ENDPOINT():
        token_endpoint = urljoin(issuer, reverse("oauth_service:token"))
    algorithms = client_assertion.algorithms_of(credentials.method, client.token_endpoint_auth_signing_alg)
    try:
        client_assertion.check_header(assertion, algorithms=algorithms)
        until = client_assertion.check_claims(
            assertion, client_id=client.client_id, issuer=issuer, token_endpoint=token_endpoint, now=now
        )
        if client.seals_secret:
            macs.verify(assertion, client, now=now)
        else:
            key_sets.verify_signature(assertion, client)
    except InvalidJWT as fault:
        return fault.detail
    # This comes last and needs the key or secret, so that a stranger cannot use up an assertion that a client is about
    # to send.
    if not Once.objects.use("client assertion", client.client_id, assertion.text_of("jti"), until=until):
        return "the assertion was used before"
    return ""
