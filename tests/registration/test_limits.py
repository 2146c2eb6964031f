"""Floods of registrations are limited per address and in all, and unused clients are deleted again."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import Client, Consent, Document, InitialAccessToken, Registration, purge
from oauth_service.models.document import key_of
from oauth_service.models.registration import FETCHED
from oauth_service.outbound import documents
from tests.concurrency.threads import together
from tests.registration.actors import CALLBACK, Software
from tests.registration.conftest import initial_token
from tests.specs.answers import refusal_of


def at(address: str) -> Software:
    """Return a program at an address."""
    return Software(Browser(REMOTE_ADDR=address))


def test_an_address_registers_only_so_many(software: Software, settings: Settings) -> None:
    """
    Refused registrations count, too, because they cost work. Other addresses are not affected, and the limit ends after
    an hour.
    """
    settings.OAUTH_SERVICE_REGISTRATION_LIMIT = 3
    flood = at("203.0.113.1")
    flood.register()
    assert flood.refused(redirect_uris=[]).status_code == 400
    flood.register()
    refused = flood.refused()
    assert refusal_of(refused) == (429, "temporarily_unavailable")
    assert 1 <= int(refused["Retry-After"]) <= 7200
    at("203.0.113.2").register()
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        flood.register()


@pytest.mark.parametrize("address", ["2001:db8::{}", "::ffff:203.0.113.1"])
def test_a_network_of_ipv6_is_one_address(software: Software, settings: Settings, address: str) -> None:
    """Each subscriber has as many IPv6 addresses as they like."""
    settings.OAUTH_SERVICE_REGISTRATION_LIMIT = 3
    for number in range(3):
        at(address.format(number)).register()
    assert at(address.format(9)).refused().status_code == 429


def test_only_so_many_wait_for_somebody_to_connect_them(software: Software, settings: Settings) -> None:
    """
    The limit counts clients of all addresses. The response is 503, because it passes. Initial access tokens are exempt.
    """
    settings.OAUTH_SERVICE_REGISTRATION_MOST_WAITING = 3
    for number in range(3):
        at(f"203.0.113.{number}").register()
    refused = at("203.0.113.9").refused()
    assert refusal_of(refused) == (503, "temporarily_unavailable")
    assert int(refused["Retry-After"]) == 3600
    Software().register(token=initial_token())
    assert Registration.objects.filter(purge_at=None).count() == 1


def test_a_connected_client_makes_room(software: Software, settings: Settings, alice: User) -> None:
    """A connected client no longer waits."""
    settings.OAUTH_SERVICE_REGISTRATION_MOST_WAITING = 1
    software.register()
    Consent.objects.give(user_id=alice.pk, client_pk=software.client.pk, scope="user", now=timezone.now())
    assert Registration.objects.get().connected_at
    software.register()


def test_what_nobody_connects_vanishes(software: Software, settings: Settings, alice: User, presc_man: Client) -> None:
    """
    The other clients stay: connected ones, ones saved or registered by the operator, and ones with an initial access
    token.
    """
    now = timezone.now()
    kept = []
    software.register()
    Consent.objects.give(user_id=alice.pk, client_pk=software.client.pk, scope="user", now=now)
    kept.append(software.answer["client_id"])
    settings.OAUTH_SERVICE_REGISTRATION = ""  # in the meantime
    unnoticed = Software()
    settings.OAUTH_SERVICE_REGISTRATION = "open"
    kept.append(unnoticed.register()["client_id"])
    Consent.objects.create(user=alice, client=unnoticed.client, scope="user", given_at=now)
    kept.append(Software().register(token=initial_token())["client_id"])
    gone = Software()
    gone.register()
    lifetime = settings.OAUTH_SERVICE_REGISTRATION_LIFETIME = timedelta(days=2)
    late = Software()
    kept.append(late.register()["client_id"])
    later = now + timedelta(days=7, minutes=1)
    with time_machine.travel(later):
        Registration.objects.filter(client=late.client).update(purge_at=later + lifetime)
        assert (purge.sweep(now=later), purge.sweep(now=later)) == (2, 0)
    assert set(Client.objects.values_list("client_id", flat=True)) == {*kept, presc_man.client_id}
    assert Registration.objects.get(client=unnoticed.client).purge_at is None
    assert gone.read().status_code == 401


def test_the_sweep_rides_on_registrations(software: Software, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that issues no tokens would otherwise keep unused clients for ever."""
    software.register()
    Registration.objects.update(purge_at=timezone.now() - timedelta(days=1))
    monkeypatch.setattr(purge, "_next_at", 0.0)
    Software().register()
    assert Registration.objects.count() == 1


def test_a_command_sweeps_what_registered_before_it_was_switched_off(software: Software, settings: Settings) -> None:
    """Requests no longer sweep that table."""
    software.register()
    Registration.objects.update(purge_at=timezone.now() - timedelta(days=1))
    settings.OAUTH_SERVICE_REGISTRATION = ""
    assert purge.sweep(now=timezone.now()) == 0
    assert purge.sweep(now=timezone.now(), everywhere=True) == 1


def test_changes_of_a_registration_count_too(software: Software, settings: Settings) -> None:
    """Each change may make this server fetch a document. Clients with an initial access token are exempt."""
    settings.OAUTH_SERVICE_REGISTRATION_LIMIT = 2
    software.register()
    assert [software.replace().status_code for _time in range(2)] == [200, 429]
    partner = Software()
    partner.register(token=initial_token())
    assert [partner.replace().status_code for _time in range(4)] == [200] * 4


@pytest.mark.usefixtures("openid")
@pytest.mark.parametrize("how", ["it moves", "it is deleted", "it is swept", "it is refused"])
def test_what_was_fetched_for_a_client_goes_with_it(
    software: Software, monkeypatch: pytest.MonkeyPatch, presc_man: Client, how: str
) -> None:
    """The document is deleted within an hour unless another client names it, too."""
    now = timezone.now()
    monkeypatch.setattr(documents, "refresh_later", lambda *_, **__: None)
    monkeypatch.setattr(
        documents, "read", lambda *_, **__: b"[]" if how == "it is refused" else b'["%s"]' % CALLBACK.encode()
    )
    own = {
        "logo_uri": "https://app.example/logo",
        "sector_identifier_uri": "https://app.example/sector",
        "jwks_uri": "https://app.example/jwks",
    }
    shared = "https://shared.example/jwks"
    Client.objects.filter(pk=presc_man.pk).update(jwks_uri=shared)
    later, soon = now + timedelta(days=30), now + timedelta(hours=1, minutes=1)
    for column, url in [*own.items(), ("jwks_uri", shared)]:
        kind = FETCHED[column]
        Document.objects.create(key=key_of(kind, url), kind=kind, url=url, fresh_until=now, purge_at=later)
    if how == "it is refused":
        assert software.refused(**own).status_code == 400
        assert Document.objects.get(kind="sector").purge_at < soon
        return
    software.register(**own)
    match how:
        case "it moves":
            assert software.replace(jwks_uri=shared).status_code == 200
        case "it is deleted":
            software.delete()
        case _swept:
            Registration.objects.update(purge_at=now)
            purge.sweep(now=now)
    assert {each.url for each in Document.objects.filter(purge_at__lt=soon)} == set(own.values())


# -- at the same moment ------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("is_open")
def test_a_flood_from_everywhere_is_no_more_than_the_limit(settings: Settings) -> None:
    """Twelve registrations at once compete for three places."""
    settings.OAUTH_SERVICE_REGISTRATION_MOST_WAITING = 3
    flood = [at(f"203.0.113.{number}") for number in range(12)]
    answers = together(*(partial(each.post, redirect_uris=[CALLBACK]) for each in flood))
    statuses = [each.status_code for each in answers]
    assert (statuses.count(201), set(statuses), Client.objects.count()) == (3, {201, 503}, 3)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("by_token")
def test_a_token_that_is_good_once_registers_one_client() -> None:
    """Only one of many simultaneous uses succeeds."""
    token = initial_token(uses_left=1)
    answers = together(*(partial(Software().post, token=token, redirect_uris=[CALLBACK]) for _ in range(10)))
    statuses = [each.status_code for each in answers]
    assert (statuses.count(201), set(statuses), Client.objects.count()) == (1, {201, 401}, 1)
    assert InitialAccessToken.objects.get().uses_left == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("is_open")
def test_a_client_that_is_allowed_during_the_sweep_is_not_lost(alice: User) -> None:
    """If the sweep is first, the user's answer fails. If the consent is first, the client stays."""
    software = Software()
    software.register()
    client, now = software.client, timezone.now()
    Registration.objects.update(purge_at=now - timedelta(days=1))

    def allow() -> Any:
        try:
            return Consent.objects.give(user_id=alice.pk, client_pk=client.pk, scope="user", now=now)
        except Exception as failure:
            return failure

    allowed, _swept = together(allow, partial(purge.sweep, now=now))
    stays = Client.objects.filter(pk=client.pk).exists()
    assert stays == isinstance(allowed, Consent)
    assert Consent.objects.filter(client_id=client.pk).exists() == stays
