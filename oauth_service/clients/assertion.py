"""Authenticate a client by the assertion that it has signed (RFC 7523 section 2.2, OpenID Connect Core section 9)."""

from datetime import datetime
from urllib.parse import urljoin

from django.urls import reverse

from .. import conf
from ..models import ClientRow, Once
from ..protocol import client_assertion
from ..protocol.client_authentication import Credentials
from ..protocol.jwt import InvalidJWT
from . import key_sets


def fault_of(client: ClientRow, credentials: Credentials, arrival: conf.Arrival, *, now: datetime) -> str:
    """
    Why an assertion does not prove its client; "" if it does, and then it has been used up.

    The client is registered for the method of the credentials. One statement if all is well: the INSERT of the jti.
    """
    assertion = credentials.assertion
    if assertion is None:
        return "no assertion was sent"
    if not key_sets.is_available():
        return "assertions need the extra oidc, which is not installed"
    issuer = conf.issuer_of(arrival)
    token_endpoint = ""
    if conf.ASSERTIONS_FOR_TOKEN_ENDPOINT():
        token_endpoint = urljoin(issuer, reverse("oauth_service:token"))
    algorithms = client_assertion.algorithms_of(credentials.method, client.token_endpoint_auth_signing_alg)
    try:
        client_assertion.check_header(assertion, algorithms=algorithms)
        until = client_assertion.check_claims(
            assertion, client_id=client.client_id, issuer=issuer, token_endpoint=token_endpoint, now=now
        )
        key_sets.verify_signature(assertion, client)
    except InvalidJWT as fault:
        return fault.detail
    # Last, and only for the holder of the key: a stranger must not be able to use up what a client is about to send.
    if not Once.objects.use("client assertion", client.client_id, assertion.text_of("jti"), until=until):
        return "the assertion was used before"
    return ""
