"""Findings about the keys of clients and issuers."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import Client, Document, TrustedIssuer
from oauth_service.models.document import key_of
from oauth_service.protocol.freshness import STALE
from oauth_service.watch.doctor import facts
from oauth_service.watch.doctor.finding import Level
from oauth_service.watch.doctor.key_sets import Holder, findings

NOW = datetime(2026, 5, 1, tzinfo=UTC)
IDP, JWKS_URI = "https://idp.example", "https://idp.example/jwks"


def found(*, is_issuer: bool = True, is_for_nobody: bool = False, **copy: Any) -> list[tuple[str, Level]]:
    """Findings about one holder of keys."""
    holder = Holder(name=IDP, is_issuer=is_issuer, is_for_nobody=is_for_nobody, jwks_uri=JWKS_URI, **copy)
    return [(finding.id, finding.level) for finding in findings(holder, now=NOW)]


def test_nothing_is_found_where_keys_can_be_had() -> None:
    """The server fetches keys when it needs them, so keys without a recent use may be missing."""
    assert found() == []
    for fresh_until in (NOW + timedelta(hours=1), NOW - timedelta(days=20)):
        assert found(fetched_at=NOW - timedelta(days=21), fresh_until=fresh_until) == []


def test_an_issuer_whose_jwts_nobody_may_present_is_named() -> None:
    """A trusted issuer is useless if no client may present its JWTs."""
    assert found(is_for_nobody=True) == [("issuer-for-nobody", Level.WARNING)]


@pytest.mark.parametrize("is_issuer", [True, False])
@pytest.mark.parametrize(("copy", "expected"), [
    ({"fetched_at": None, "fresh_until": NOW}, [("key-set-gone", Level.ERROR)]),
    ({"fetched_at": NOW - 2 * STALE, "fresh_until": NOW - STALE}, [("key-set-gone", Level.ERROR)]),
    ({"fetched_at": NOW - STALE, "fresh_until": NOW - timedelta(hours=1)}, [("key-set-stale", Level.WARNING)]),
    ({"fetched_at": NOW - timedelta(hours=1), "fresh_until": NOW + timedelta(hours=1)}, []),
])  # fmt: skip
def test_keys_that_cannot_be_fetched_are_noticed(is_issuer: bool, copy: dict[str, Any], expected: Any) -> None:
    """A failed fetch becomes an error once the last copy is too old, for clients and issuers alike."""
    assert found(is_issuer=is_issuer, last_error="it answered 503", **copy) == expected


def test_a_copy_that_is_too_old_is_used_no_more() -> None:
    """The doctor and the code that fetches documents must agree on when a copy is too old."""
    for age in (STALE, STALE - timedelta(seconds=1)):
        copy = Document(fetched_at=NOW - 2 * STALE, fresh_until=NOW - age)
        is_gone = (
            found(last_error="x", fetched_at=copy.fetched_at, fresh_until=copy.fresh_until)[0][0] == "key-set-gone"
        )
        assert is_gone != copy.is_usable(now=NOW, stale=STALE)


def test_the_command_names_whose_keys_they_are(db: None, settings: Settings) -> None:
    """
    The command covers active clients and issuers whose keys are fetched, and gives the reason of the last failure.
    """
    now = timezone.now()
    TrustedIssuer.objects.create(issuer=IDP, purposes="jwt-bearer", jwks_uri=JWKS_URI, clients="app")
    TrustedIssuer.objects.create(issuer="https://off.example", jwks_uri=JWKS_URI, is_active=False)
    TrustedIssuer.objects.create(issuer="https://other.example", jwks='{"keys": []}', clients="app")
    method = {"token_endpoint_auth_method": "private_key_jwt", "name": "App"}
    Client.objects.create(client_id="signs", jwks_uri="https://rp.example/jwks", **method)
    Client.objects.create(client_id="quiet", jwks_uri="https://quiet.example/jwks", **method)
    Client.objects.create(client_id="registered", jwks='{"keys": []}', **method)
    for url in (JWKS_URI, "https://rp.example/jwks"):
        key = key_of(Document.Kind.KEYS, url)
        row = {"kind": Document.Kind.KEYS, "url": url, "fresh_until": now, "purge_at": now}
        Document.objects.create(key=key, last_error="it answered 503.", **row)
    assert [holder.name for holder in facts.of_key_sets()] == [IDP, "https://other.example", "quiet", "signs"]
    output = StringIO()
    with pytest.raises(SystemExit):
        call_command("oauth_doctor", "--json", stdout=output)
    said = [each for each in json.loads(output.getvalue())["findings"] if each["id"] == "key-set-gone"]
    assert [(each["about"], "it answered 503." in each["what"]) for each in said] == [(IDP, True), ("signs", True)]
