"""A server that trusts an identity provider."""

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from oauth_service.models import Client, TrustedIssuer
from tests.admin.conftest import staff
from tests.jwt_bearer.actors import USER_FUNCTION, IdentityProvider, allow, trusted

__all__ = ["staff"]


@pytest.fixture
def believing(settings: Settings) -> Settings:
    """The server with the grant type switched on."""
    settings.OAUTH_SERVICE_JWT_BEARER_USER = USER_FUNCTION
    return settings


@pytest.fixture
def idp(believing: Settings, presc_man: Client, alice: User) -> IdentityProvider:
    """An identity provider, and a client that Alice has given her consent to."""
    provider = trusted(presc_man)
    allow(alice, presc_man)
    return provider


@pytest.fixture
def vouching(believing: Settings, presc_man: Client, alice: User) -> IdentityProvider:
    """An identity provider whose assertion replaces the consent, which Alice has not given."""
    provider = trusted(presc_man)
    TrustedIssuer.objects.update(stands_for_consent=True)
    return provider
