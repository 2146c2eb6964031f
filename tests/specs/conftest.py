"""More clients than the guide has: a rival of its client, and an app without a secret."""

import pytest
from django.contrib.auth.models import User

from oauth_service.models import Client
from tests.guide import REDIRECT_URI, SECRET, Guide
from tests.specs.public import PublicGuide


@pytest.fixture
def rival(alice: User) -> Guide:
    """Return a second confidential client, which differs from the guide's only in its client_id."""
    client = Client(client_id="rival_456", name="Rival", redirect_uris=REDIRECT_URI, requires_pkce=False)
    client.choose_secret(SECRET)
    client.save()
    return Guide(alice=alice, client=client)


@pytest.fixture
def public(alice: User, public_app: Client) -> PublicGuide:
    """Return the messages of an app without a secret, which uses PKCE."""
    return PublicGuide(alice=alice, client=public_app)
