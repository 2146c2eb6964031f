"""Simultaneous uses of one assertion."""

from typing import Any

import pytest

from oauth_service.models import Client, Once
from tests.assertions import Signer
from tests.clauses import clause
from tests.concurrency.threads import together
from tests.guide import Guide


@clause("RFC 7523", "3")
@clause("OpenID Connect Core", "9")
@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "HS256"])
def test_exactly_one_of_twenty_uses_of_an_assertion_succeeds(guide: Guide, algorithm: str) -> None:
    """ "[...] a unique identifier for the token, which can be used to prevent reuse of the token"."""
    if algorithm == "HS256":
        signer = Signer.by_secret(guide.client)
    else:
        signer = Signer(guide.client.client_id, algorithm)
        Client.objects.update(token_endpoint_auth_method="private_key_jwt", jwks=signer.jwks)
    proof: dict[str, Any] = {"client_id": "", "client_secret": "", **signer.proof()}
    answers = together(*[lambda: guide.revoke("AT_unknown", **proof)] * 20)
    # The limit on failures of one client from one address is reached, so some responses ask to wait.
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(200), set(statuses) - {200, 401, 429}) == (1, set())
    assert Once.objects.count() == 1
