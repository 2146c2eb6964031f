"""Events of assertions: signals, the audit trail, metrics."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.contrib.auth.models import User

from oauth_service import signals
from oauth_service.models import AuditEvent, Grant
from oauth_service.watch import audit
from tests.jwt_bearer.actors import IdentityProvider

Committed = Callable[[], AbstractContextManager[object]]


def test_what_happens_has_its_rows(
    vouching: IdentityProvider, alice: User, committed: Committed, caplog: pytest.LogCaptureFixture
) -> None:
    """Each row names the user, the client, the connection and the reason of a refusal, but never the assertion."""
    used, wrong, stranger = vouching.jwt(), vouching.jwt(aud="https://other.example"), vouching.jwt(sub="mallory")
    with committed(), caplog.at_level("INFO"):
        for assertion in (used, used, wrong, stranger):
            vouching.present(assertion)
    audit.flush()
    rows = list(AuditEvent.objects.values_list("event", "user_id", "client_id", "grant_id", "reason"))
    client_id = vouching.client.client_id
    assert ("consent_given", alice.pk, client_id, None, "") in rows
    assert ("token_issued", alice.pk, client_id, Grant.objects.get().pk, "") in rows
    refused = [reason for event, *_, reason in rows if event == "assertion_refused"]
    assert sorted(refused) == [
        "the JWT is not for http://localhost:8000",
        "the JWT was used before",
        "the project finds no user for sub 'mallory' of https://idp.example",
    ]
    assert [each for each in (used, wrong, stranger) if each in caplog.text] == []


def test_the_refusal_is_a_signal_with_its_facts(idp: IdentityProvider, committed: Committed) -> None:
    """Host projects connect receivers to this signal."""
    heard: list[dict[str, Any]] = []

    def hear(**facts: Any) -> None:
        heard.append(facts)

    signals.assertion_refused.connect(hear)
    try:
        with committed():
            idp.present("x")
    finally:
        signals.assertion_refused.disconnect(hear)
    [facts] = heard
    assert {name: facts[name] for name in facts.keys() - {"signal", "sender"}} == {
        "client_id": idp.client.client_id,
        "reason": "the JWT does not have three parts in base64url",
    }
