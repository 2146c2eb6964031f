"""Findings about clients: none for a good registration, and one for each fault."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oauth_service.clients.previous_secret import INTERVAL
from oauth_service.models import Client
from oauth_service.watch.doctor.facts import registration_of
from oauth_service.watch.doctor.registration import Registration, findings, secret_findings

NOW = datetime(2026, 3, 1, tzinfo=UTC)
GOOD = Registration(
    client_id="pharmacy",
    is_public=False,
    is_native=False,
    is_active=True,
    requires_pkce=True,
    redirect_uris=("https://pharmacy.example/callback",),
    scope=("user",),
    grant_types=("authorization_code", "refresh_token"),
    uses_secret=True,
    has_secret=True,
    has_chosen_secret=False,
    has_previous_secret=False,
    has_consents=True,
    created_at=NOW - timedelta(days=400),
)


def ids(*, is_production: bool = True, **changes: Any) -> list[str]:
    """Findings about a registration that differs from the good one."""
    found = findings(
        replace(GOOD, **changes),
        scopes=frozenset({"user", "profile"}),
        grant_types=frozenset({"authorization_code", "refresh_token"}),
        is_production=is_production,
        now=NOW,
    )
    return [finding.id for finding in found]


def test_nothing_is_found_about_a_good_one() -> None:
    """Operators ignore a report that always finds something."""
    assert ids() == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"requires_pkce": False}, "client-without-pkce"),
        ({"has_secret": False}, "client-without-secret"),
        ({"is_unreadable": True}, "client-secret-unreadable"),
        ({"is_of_earlier_key": True}, "client-secret-under-earlier-key"),
        ({"has_chosen_secret": True}, "client-with-chosen-secret"),
        ({"has_previous_secret": True}, "client-with-two-secrets"),
        ({"redirect_uris": ()}, "client-without-redirect-uri"),
        ({"redirect_uris": ("http://pharmacy.example/callback",)}, "redirect-uri-not-allowed"),
        ({"redirect_uris": ("https://*.pharmacy.example/callback",)}, "redirect-uri-not-allowed"),
        ({"redirect_uris": ("https://pharmacy.example/*",)}, "redirect-uri-not-allowed"),
        ({"redirect_uris": ("http://127.0.0.1:5000/callback",)}, "redirect-uri-of-development"),
        ({"scope": ("user", "pills")}, "client-with-unknown-scope"),
        ({"grant_types": ("authorization_code", "password")}, "client-with-unknown-grant-type"),
        ({"exchanges": True}, "exchange-without-policy"),
        ({"has_consents": False}, "client-never-used"),
    ],
)
def test_each_fault_has_a_finding(changes: dict[str, Any], found: str) -> None:
    """Each fault has exactly one finding; otherwise one could hide the next."""
    assert ids(**changes) == [found]


@pytest.mark.parametrize(
    "changes",
    [
        # The server requires PKCE of public clients anyway.
        {"is_public": True, "uses_secret": False, "requires_pkce": False, "has_secret": False},
        {"uses_secret": False, "has_secret": False},
        {"is_native": True, "redirect_uris": ("http://127.0.0.1/callback",)},
        {"is_production": False, "redirect_uris": ("http://127.0.0.1:5000/callback",)},
        {"has_consents": False, "created_at": NOW - timedelta(days=89)},
        {"is_active": False, "requires_pkce": False, "has_chosen_secret": True},
        {"redirect_uris": (), "grant_types": ("refresh_token",)},
    ],
)
def test_what_is_as_it_should_be_is_not_found(changes: dict[str, Any]) -> None:
    """The clients are, among others, a native app, one on a development machine, a new one, and a deactivated one."""
    assert ids(**changes) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"secret_changed_at": NOW - timedelta(days=2), "previous_secret_used_at": NOW},
            f"It was last used at {NOW:%Y-%m-%d %H:%M} UTC, or up to an hour later.",
        ),
        (
            {"secret_changed_at": NOW},
            f"It has not been used since the newest secret was made, at {NOW:%Y-%m-%d %H:%M} UTC.",
        ),
        ({}, "Its last use is unknown: the secrets were made before the server recorded it."),
    ],
)
def test_the_finding_says_when_the_previous_secret_was_last_used(changes: dict[str, Any], sentence: str) -> None:
    """Operators can end a secret that no app uses any more."""
    [found] = secret_findings(replace(GOOD, has_previous_secret=True, **changes))
    assert found.what == f"The client's previous secret is still valid. {sentence}"


@pytest.mark.django_db
def test_the_last_use_of_the_previous_secret_is_read_from_the_client(presc_man: Client) -> None:
    """The finding is about the same columns as the admin's page."""
    Client.objects.rotate_secret(presc_man)
    row = Client.objects.row(presc_man.client_id)
    assert row is not None
    Client.objects.record_use_of_previous_secret(row, now=NOW, interval=INTERVAL)
    presc_man.refresh_from_db()
    facts = registration_of(presc_man, has_consents=True)
    assert (facts.has_previous_secret, facts.previous_secret_used_at) == (True, NOW)
    assert facts.secret_changed_at == presc_man.secret_changed_at
