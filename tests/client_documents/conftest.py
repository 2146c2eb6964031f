"""A server that accepts client ID metadata documents, and a client that has one."""

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from pytest_django import Settings

from oauth_service.clients import logo
from oauth_service.outbound import fetch
from tests.admin.conftest import staff
from tests.client_documents.actors import App
from tests.client_documents.origin import Origin
from tests.device.conftest import devices

__all__ = ["devices", "staff"]


@pytest.fixture
def documents_are_on(settings: Settings) -> None:
    """Client ID metadata documents are switched on."""
    settings.OAUTH_SERVICE_CLIENT_ID_METADATA_DOCUMENTS = True


@pytest.fixture
def origin(documents_are_on: None, monkeypatch: pytest.MonkeyPatch) -> Origin:
    """The site of a client; it has published nothing yet."""
    site = Origin()
    monkeypatch.setattr(fetch, "fetch", site.fetch)
    monkeypatch.setattr(logo, "fetch_soon", lambda _uri: None)
    return site


@pytest.fixture
def signed_in(alice: User) -> Browser:
    """Alice's browser."""
    browser = Browser()
    browser.force_login(alice)
    return browser


@pytest.fixture
def app(origin: Origin, signed_in: Browser) -> App:
    """An app with a document, which the server does not know yet, in Alice's browser."""
    origin.publish()
    return App(origin, signed_in)


@pytest.fixture
def bob(db: None) -> User:
    """Bob, another user."""
    return User.objects.create_user("bob", "bob@example.com", "builder")
