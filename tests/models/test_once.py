"""A value that may be used once is used at most once."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import Once, purge
from tests.architecture.test_query_budgets import at_most

UNTIL = timezone.now() + timedelta(minutes=5)
pytestmark = pytest.mark.django_db


def test_the_second_use_loses() -> None:
    """A replayed assertion must be refused."""
    assert [Once.objects.use("assertion", "issuer", "jti", until=UNTIL) for _ in range(2)] == [True, False]


@pytest.mark.parametrize(
    "other", [("proof", "issuer", "jti"), ("assertion", "another", "jti"), ("assertion", "issue", "rjti")], ids=str
)
def test_another_kind_another_issuer_and_another_split_are_other_things(other: tuple[str, ...]) -> None:
    """A jti is unique for its issuer only (RFC 7519 section 4.1.7). Names that are equal when joined are not equal."""
    assert Once.objects.use("assertion", "issuer", "jti", until=UNTIL)
    assert Once.objects.use(*other, until=UNTIL)


def test_any_text_is_a_name() -> None:
    """Names may be longer than a column, or have characters that databases refuse."""
    assert [Once.objects.use("assertion", "\0" * 10_000, until=UNTIL) for _ in range(2)] == [True, False]


def test_it_is_good_again_once_its_time_is_over() -> None:
    """The rules refuse an expired value anyway, and deleting its row keeps the table small."""
    Once.objects.use("assertion", "jti", until=UNTIL)
    assert (purge.sweep(now=UNTIL), Once.objects.count()) == (1, 0)


@pytest.mark.parametrize("fallbacks", [0, 2])
def test_it_costs_one_statement_for_each_token_key(settings: Settings, fallbacks: int) -> None:
    """Usually there are no fallback keys, and one statement is enough."""
    settings.OAUTH_SERVICE_TOKEN_KEY = "the token key that this server seals with now"
    settings.OAUTH_SERVICE_TOKEN_KEY_FALLBACKS = [f"one that it has replaced, number {n}" for n in range(fallbacks)]
    with at_most(1 + fallbacks):
        assert Once.objects.use("assertion", "jti", until=UNTIL)
