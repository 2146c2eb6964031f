"""Rows of a server that has been in use for a while, for the pages of its admin: `manage.py shell` of the site imports it."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.admin import site
from django.contrib.auth import get_user_model
from django.utils import timezone

from oauth_service.models import (
    AuditEvent,
    Client,
    Consent,
    Delivery,
    DeviceCode,
    Document,
    Grant,
    InitialAccessToken,
    Registration,
    Resource,
    TrustedIssuer,
)
from oauth_service.models.audit_event import Entry, Event
from oauth_service.models.document import key_of
from oauth_service.tokens import keys as keys_of_tokens
from oauth_service.watch.audit import OUTCOMES

PREFIX = "staff-"
LONG_NAME = "Wonderland Prescriptions and Repeat Orders for Households, Care Homes and Surgeries of the Northern Region"
LONG_WORD = "Arzneimittelverordnungsdatenübermittlungsschnittstelle"  # no browser breaks it by itself
DOCUMENT_URL = "https://assistant.wonderland.example/oauth/clients/desktop-edition/metadata.json"
API = "https://api.wonderland.example/staff/prescriptions/"


def make() -> None:
    """Make at least one row of every model that the admin shows, with short values and long ones."""
    now = timezone.now()
    alice = get_user_model().objects.get(username="alice")
    dinah, _made = get_user_model().objects.get_or_create(
        username="staff-dinah.of.the.looking.glass@wonderland.example", email="dinah@wonderland.example"
    )
    clients = [
        _client(name, name=words, redirect_uris=f"https://{name}.example/callback", scope="user profile openid")
        for name, words in (("pharmacy", LONG_NAME[:100]), ("interface", LONG_WORD), ("diary", "Diary"))
    ]
    itself = _client("itself", name="Reading list", redirect_uris="https://reading.example/cb", is_checked=False)
    Registration.objects.create(
        client=itself,
        kind=Registration.Kind.REGISTERED,
        token_digest="staff",
        registered_at=now,
        software_id="reading-list",
        purge_at=now + timedelta(days=1),
    )
    introduced = Client.objects.create(
        client_id=DOCUMENT_URL, name="Desktop assistant", redirect_uris="http://127.0.0.1/callback", is_checked=False
    )
    Registration.objects.create(
        client=introduced,
        kind=Registration.Kind.DOCUMENT,
        token_digest="staff-document",
        registered_at=now,
        document_fetched_at=now - timedelta(hours=3),
    )
    clients[0].introspection_resources = API
    clients[0].save()
    Resource.objects.create(identifier=API, name=f"{LONG_NAME[:80]}, API", scopes="pills:read See your pills")
    for number, app in enumerate([*clients, itself, introduced]):
        for person in (alice, dinah):
            consent = Consent.objects.create(
                user=person,
                client=app,
                scope="user profile openid email address phone offline_access"[: 12 + 12 * number],
                resources=f"{API} pills:read pills:order\n{API}archive pills:read" if number % 2 else "",
                given_at=now - timedelta(days=number),
                ends_at=now + timedelta(days=7) if number == 1 else None,
            )
            for _ in range(number % 3):
                Grant.objects.create(
                    consent=consent,
                    scope="user profile",
                    created_at=now - timedelta(days=number),
                    refreshed_at=now - timedelta(hours=number),
                    expires_at=now + timedelta(days=30),
                    purge_at=now + timedelta(days=30),
                )
    for number, app in enumerate(clients):
        DeviceCode.objects.create(
            client=app,
            user_code_digest=f"{PREFIX}{number}",
            scope="user profile",
            address="2001:db8:85a3:8d3:1319:8a2e:370:7348",
            requested_at=now,
            next_poll_at=now,
            expires_at=now + timedelta(minutes=10),
            purge_at=now + timedelta(minutes=10),
        )
        Delivery.objects.create(
            client=app,
            sign_in_id=UUID(int=number),
            sub="staff",
            created_at=now,
            attempts=number,
            next_at=now + timedelta(minutes=5),
            last_error="connection refused" if number else "",
            purge_at=now + timedelta(days=7),
        )
    for kind, url, error in (
        (Document.Kind.CLIENT, DOCUMENT_URL, "the document has another client_id than its address"),
        (Document.Kind.KEYS, "https://pharmacy.wonderland.example/.well-known/jwks.json?of=the-northern-region", ""),
    ):
        Document.objects.create(
            key=key_of(kind, url),
            kind=kind,
            url=url,
            fetched_at=now,
            fresh_until=now + timedelta(days=1),
            last_error=error,
            purge_at=now + timedelta(days=90),
        )
    TrustedIssuer.objects.create(
        issuer=f"https://login.{PREFIX}partner-of-the-northern-region.wonderland.example/realms/prescriptions",
        purposes="jwt-bearer token-exchange id-jag software-statement",
        jwks_uri="https://login.wonderland.example/jwks",
        algorithms="RS256 ES256",
        audience=API,
    )
    for name, days in (
        (f"{PREFIX}Partner of the northern region, for their test and production clients", 30),
        (PREFIX, None),
    ):
        InitialAccessToken.objects.create(
            name=name,
            digest=name[:64],
            expires_at=now + timedelta(days=days) if days else None,
            uses_left=days,
            last_used_at=now,
        )
    Client.objects.rotate_secret(clients[0])
    keys_of_tokens.jwks(now)  # made on first use
    _events(now, alice.pk, dinah.pk)


def keys() -> str:
    """A JSON object with the primary key of the latest row of each model; the client is the one with a name of 100 characters."""
    admin = [each for each in apps.get_app_config("oauth_service").get_models() if site.is_registered(each)]
    latest = {str(each._meta.model_name): each._default_manager.order_by("pk").last() for each in admin}
    latest["consent"] = Consent.objects.filter(grants__isnull=False).first()
    latest["client"] = Client.objects.get(client_id=f"{PREFIX}pharmacy")
    return json.dumps({name: str(row.pk) for name, row in latest.items() if row})


def remove() -> None:
    """Take away what tests.journeys.stage.forget_everybody() keeps."""
    Client.objects.filter(client_id__startswith=PREFIX).delete()
    Client.objects.filter(client_id=DOCUMENT_URL).delete()
    Resource.objects.filter(identifier=API).delete()
    Document.objects.all().delete()
    get_user_model().objects.filter(username__startswith=PREFIX).delete()


def _client(short: str, **columns: Any) -> Client:
    return Client.objects.create(client_id=PREFIX + short, **columns)


def _events(now: Any, *users: Any) -> None:
    reasons = ["", "no account has this name", "the document has another client_id than its address, or none at all"]
    entries = [
        Entry(
            at=now - timedelta(minutes=number, seconds=number),
            event=event.value,
            outcome=OUTCOMES[event].value,
            user_id=users[number % 2],
            client_id=(f"{PREFIX}pharmacy", DOCUMENT_URL, "6f1c0f4f6a5b4f39a4f2d0c7b1a2e3d4", "")[number % 4],
            grant_id=UUID(int=number),
            scope="user profile openid",
            reason=reasons[number % 3],
            address=("203.0.113.7", "2001:db8:85a3:8d3:1319:8a2e:370:7348")[number % 2],
            reference=f"{number:012x}" if number % 2 else f"01J{number:023d}",
            purge_at=now + timedelta(days=90),
            actor_id=users[0] if event == Event.ADMINISTERED else None,
            by="staff" if event == Event.ADMINISTERED else "",
            changes="changed client 7\nname: Diary → A diary for everybody" if event == Event.ADMINISTERED else "",
            event_count=1 + 40 * (number % 5),
        )
        for number, event in enumerate(Event)
    ]
    AuditEvent.objects.add_all(entries)
