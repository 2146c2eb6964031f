"""A server at which any client may register itself."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from oauth_service.clients.registration import INITIAL_PREFIX
from oauth_service.models import InitialAccessToken
from oauth_service.protocol import token_digest
from oauth_service.protocol.secret import Secret
from tests.admin.conftest import staff
from tests.device.conftest import devices, tv, visitor
from tests.openid.conftest import SCOPES
from tests.registration.actors import Software

__all__ = ["devices", "staff", "tv", "visitor"]


def initial_token(**columns: Any) -> str:
    """Return an initial access token that is valid for a week."""
    token = token_digest.new_token(INITIAL_PREFIX)
    values = {"name": "Partner", "expires_at": timezone.now() + timedelta(days=7), **columns}
    InitialAccessToken.objects.create(digest=token_digest.digest_of(Secret(token)), **values)
    return token


@pytest.fixture
def is_open(settings: Settings) -> None:
    """Any client may register itself."""
    settings.OAUTH_SERVICE_REGISTRATION = "open"


@pytest.fixture
def by_token(settings: Settings) -> None:
    """Only clients with an initial access token may register."""
    settings.OAUTH_SERVICE_REGISTRATION = "token"


@pytest.fixture
def software(db: None, is_open: None) -> Software:
    """A program that is not registered yet."""
    return Software()


@pytest.fixture
def openid(settings: Settings) -> None:
    """The server is an OpenID Provider."""
    settings.OAUTH_SERVICE_SCOPES = SCOPES
