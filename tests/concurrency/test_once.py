"""Simultaneous uses of a value that may be used once."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import Once
from tests.concurrency.threads import together

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(
    "fallbacks", [[], ["a key that was replaced, of many characters"]], ids=["one key", "two keys"]
)
def test_exactly_one_of_twenty_wins(settings: Settings, fallbacks: list[str]) -> None:
    """The INSERT decides which use wins."""
    settings.OAUTH_SERVICE_TOKEN_KEY = "the token key that this server seals with now"
    settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = fallbacks
    until = timezone.now() + timedelta(minutes=5)
    used = together(*[lambda: Once.objects.use("assertion", "issuer", "jti", until=until)] * 20)
    assert (used.count(True), Once.objects.count()) == (1, 1 + len(fallbacks))
