"""Staff with different rights, signed in to the admin."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser
from django.utils import timezone

from oauth_service.models import Client, Consent, Grant


@pytest.fixture
def staff(db: None) -> Browser:
    """Browser of an administrator with all rights."""
    browser = Browser()
    browser.force_login(User.objects.create_superuser("root", "root@example.com", "root"))
    return browser


@pytest.fixture
def onlooker(db: None) -> Browser:
    """Browser of staff with view permissions for this app only."""
    user = User.objects.create_user("onlooker", "onlooker@example.com", "onlooker", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="oauth_service", codename__startswith="view_")
    )
    browser = Browser()
    browser.force_login(user)
    return browser


@pytest.fixture
def consent(alice: User, presc_man: Client) -> Consent:
    """Alice has connected the guide's client from two devices; a third connection has expired."""
    now = timezone.now()
    consent = Consent.objects.create(user=alice, client=presc_man, scope="user profile", given_at=now)
    for days in (30, 20, -1):
        expires_at = now + timedelta(days=days)
        Grant.objects.create(
            consent=consent,
            scope="user profile",
            created_at=now,
            refreshed_at=now,
            expires_at=expires_at,
            purge_at=expires_at,
        )
    return consent
