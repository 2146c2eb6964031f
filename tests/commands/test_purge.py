"""manage.py purge."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from oauth_service.models import AuthorizationCode, Client, Consent, Grant, RevokedToken


def purge(*arguments: str) -> str:
    """Run the command; return its output."""
    output = StringIO()
    call_command("purge", *arguments, stdout=output)
    return output.getvalue()


@pytest.fixture
def now(alice: User, presc_man: Client) -> datetime:
    """The current time, with a live and a dead row in each table that is swept."""
    now = timezone.now()
    consent = Consent.objects.create(user=alice, client=presc_man, scope="user", given_at=now)
    for moment in (now - timedelta(seconds=1), now + timedelta(hours=1)):
        of_consent = {"consent": consent, "scope": "user", "expires_at": moment, "purge_at": moment}
        AuthorizationCode.objects.create(**of_consent)
        Grant.objects.create(**of_consent, created_at=now, refreshed_at=now)
        RevokedToken.objects.create(token_id=uuid4(), purge_at=moment)
    return now.astimezone(UTC)


def test_dead_rows_go_and_live_ones_stay(now: datetime) -> None:
    """Each table had one dead row. Consents never expire by themselves."""
    purge()
    left = {
        model.__name__: [row.purge_at > now for row in model.objects.all()]
        for model in (AuthorizationCode, Grant, RevokedToken)
    }
    assert (left, Consent.objects.count()) == (
        {"AuthorizationCode": [True], "Grant": [True], "RevokedToken": [True]},
        1,
    )


def test_it_says_how_many_rows_went(now: datetime) -> None:
    """The second run finds nothing left to do."""
    assert [purge(), purge()] == ["3 rows deleted.\n", "0 rows deleted.\n"]


def test_more_rows_than_a_batch_go_all_the_same(now: datetime) -> None:
    """Batches keep transactions short. The command goes on until no dead row is left."""
    RevokedToken.objects.bulk_create(RevokedToken(token_id=uuid4(), purge_at=now) for _ in range(5))
    assert (purge("--batch", "2"), RevokedToken.objects.count()) == ("8 rows deleted.\n", 1)


@pytest.mark.parametrize("owner", ["alice", "presc_man"])
def test_what_a_deletion_left_behind_goes_at_once(now: datetime, owner: str, request: pytest.FixtureRequest) -> None:
    """Codes and grants without a consent are void, and would otherwise stay until they expire."""
    request.getfixturevalue(owner).delete()
    assert purge() == "5 rows deleted.\n"  # the dead code, grant and revocation, and the void code and grant
    assert (AuthorizationCode.objects.count(), Grant.objects.count(), RevokedToken.objects.count()) == (0, 0, 1)


@pytest.mark.django_db
def test_the_output_uses_the_singular_for_one_row() -> None:
    """The output must be grammatical."""
    RevokedToken.objects.create(token_id=uuid4(), purge_at=timezone.now())
    assert purge() == "1 row deleted.\n"


@pytest.mark.parametrize("batch", ["0", "-1"])
def test_a_batch_of_nothing_is_refused(batch: str) -> None:
    """Such a batch would delete nothing, or everything in one transaction."""
    with pytest.raises(CommandError, match="--batch must be one or more"):
        purge("--batch", batch)
