"""Findings about APIs."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import Client, Resource
from oauth_service.watch.doctor import facts
from oauth_service.watch.doctor.resources import Api, findings


def said(*, is_jwt: bool = True, lifetime: timedelta = timedelta(minutes=5), has_keys: bool = True) -> list[str]:
    """Ids of the findings."""
    api = Api(identifier="https://api.example", is_jwt=is_jwt, lifetime=lifetime)
    return [finding.id for finding in findings(api, has_keys=has_keys)]


@pytest.mark.parametrize(
    ("lifetime", "expected"), [(timedelta(hours=1), []), (timedelta(hours=1, seconds=1), ["jwts-live-long"])]
)
def test_jwts_that_live_long_are_noticed(lifetime: timedelta, expected: list[str]) -> None:
    """A JWT cannot be revoked if the API does not ask the server about it."""
    assert said(lifetime=lifetime) == expected


def test_opaque_tokens_may_live_long() -> None:
    """An opaque token can be revoked at once."""
    assert said(is_jwt=False, lifetime=timedelta(days=30)) == []


def test_jwts_without_keys_are_noticed() -> None:
    """An operator may switch OpenID Connect off after registering the API. No key signs its tokens then."""
    assert said(has_keys=False) == ["jwts-without-keys"]


def test_the_lifetime_is_the_longest_that_a_token_can_have(db: None, settings: Settings) -> None:
    """The API's own lifetime limits every token. Without one, the client's or the server's lifetime applies."""
    settings.OAUTH_SERVICE_ACCESS_TOKEN_LIFETIME = timedelta(minutes=10)
    Client.objects.create(client_id="a", name="A", access_token_lifetime=timedelta(days=2))
    for number, lifetime in enumerate((None, timedelta(minutes=5), timedelta(days=9))):
        Resource.objects.create(
            identifier=f"https://api.example/{number}", name="API", token_format="jwt", access_token_lifetime=lifetime
        )
    Resource.objects.create(identifier="https://api.example/off", name="API", token_format="jwt", is_active=False)
    found = [(api.identifier[-1], api.is_jwt, api.lifetime) for api in facts.of_resources(Resource.objects.all())]
    assert found == [("0", True, timedelta(days=2)), ("1", True, timedelta(minutes=5)), ("2", True, timedelta(days=9))]


def test_an_api_that_no_client_may_ask_for_is_named(db: None) -> None:
    """The finding disappears once the API has a client, is open to all clients, or is deactivated."""
    resource = Resource.objects.create(identifier="https://api.example/forgotten", name="Forgotten")

    def found() -> list[str]:
        return [each.id for api in facts.of_resources(Resource.objects.all()) for each in findings(api, has_keys=True)]

    assert found() == ["resource-for-nobody"]
    Resource.objects.update(is_for_all=True)
    assert found() == []
    Resource.objects.update(is_for_all=False)
    resource.clients.add(Client.objects.create(name="Its client"))
    assert found() == []
    resource.clients.clear()
    Resource.objects.update(is_active=False)
    assert found() == []


def test_the_resource_of_the_setting_is_a_registered_one(db: None, settings: Settings) -> None:
    """Otherwise no client could request the API by its identifier."""

    def found() -> str:
        return facts.of_inside(now=timezone.now()).unknown_resource

    assert found() == ""
    settings.OAUTH_SERVICE_RESOURCE = "https://api.example"
    assert found() == "https://api.example"
    Resource.objects.create(identifier="https://api.example", name="API")
    assert found() == ""
    Resource.objects.update(is_active=False)
    assert found() == "https://api.example"
