"""Processes that need a new key at the same moment: one is made, and all sign with it."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from pytest_django import Settings

from oauth_service import signals
from oauth_service.models import SigningKey
from oauth_service.protocol.jwt import ALGORITHMS
from oauth_service.tokens import keys
from oauth_service.tokens.keys import Ring
from tests.concurrency.threads import stopped, together

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PROCESSES = 20


@pytest.fixture(autouse=True)
def openid(settings: Settings) -> Settings:
    """A server that is an OpenID Provider."""
    settings.OAUTH_SERVICE_SCOPES = {"openid": "Who you are"}
    return settings


def rings() -> list[Ring]:
    """Return one Ring per simulated process, because a lock would separate the threads of one process."""
    return [Ring() for _ in range(PROCESSES)]


def rows(algorithm: str) -> list[str]:
    """Return the key ids of an algorithm, in the order in which they were made."""
    return [key.kid for key in SigningKey.objects.every() if key.algorithm == algorithm]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_twenty_processes_at_the_very_first_request_sign_with_one_key(algorithm: str) -> None:
    """A client that read the key set of one process can verify the signatures of all."""
    signed_with = together(*[partial(ring.signing, algorithm, now=NOW) for ring in rings()])
    assert {key.kid for key in signed_with} == set(rows(algorithm))
    assert len(rows(algorithm)) == 1


def test_twenty_processes_publish_the_same_key_set() -> None:
    """The key set has one key of each algorithm."""

    def published(ring: Ring) -> frozenset[str]:
        return frozenset(each.key.kid for each in ring.states(now=NOW))

    found = together(*[partial(published, ring) for ring in rings()])
    assert set(found) == {frozenset(key.kid for key in SigningKey.objects.every())}
    assert SigningKey.objects.count() == len(ALGORITHMS)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_twenty_processes_prepare_one_successor(algorithm: str) -> None:
    """The successor is made a day before it signs, and then all processes change to it together."""
    [first] = {key.kid for key in together(*[partial(ring.signing, algorithm, now=NOW) for ring in rings()])}
    due, later = NOW + timedelta(days=89, hours=1), NOW + timedelta(days=91)
    assert {key.kid for key in together(*[partial(ring.signing, algorithm, now=due) for ring in rings()])} == {first}
    assert len(rows(algorithm)) == 2
    after = together(*[partial(ring.signing, algorithm, now=later) for ring in rings()])
    assert {key.kid for key in after} == {rows(algorithm)[1]}
    assert len(rows(algorithm)) == 2


@pytest.mark.parametrize("at_once", [False, True])
def test_twenty_rotations_at_once_make_one_key(at_once: bool) -> None:
    """Operators may rotate on several machines, or twice. The audit trail has one event, too."""
    Ring().signing("ES256", now=NOW)
    later = NOW + timedelta(days=5)
    calls = [partial(ring.rotate, "ES256", now=later, at_once=at_once, key=None) for ring in rings()]
    told: list[str] = []

    def note(kid: str, **_: object) -> None:
        told.append(kid)

    signals.signing_key_changed.connect(note)  # a weak reference, which ends with this test
    assert {key.kid for key in together(*calls)} == {rows("ES256")[1]}
    assert len(rows("ES256")) == 2
    assert told == [rows("ES256")[1]]


def test_twenty_processes_after_a_retirement_sign_with_one_key() -> None:
    """The first process that signs makes the new key."""
    first = Ring().signing("ES256", now=NOW)
    SigningKey.objects.retire(first.kid)
    found = together(*[partial(ring.signing, "ES256", now=NOW) for ring in rings()])
    assert {key.kid for key in found} == set(rows("ES256")) != {first.kid}
    assert len(rows("ES256")) == 1


def test_a_process_that_comes_too_late_uses_the_key_of_the_other() -> None:
    """The process made a key, was stopped before storing it, and then finds another one's key."""
    slow, quick = Ring(), Ring()
    with stopped(partial(slow.signing, "ES256", now=NOW), before="INSERT" if _has_autocommit() else "BEGIN") as late:
        won = quick.signing("ES256", now=NOW)
    assert late.result().kid == won.kid
    assert rows("ES256") == [won.kid]


def _has_autocommit() -> bool:
    """Return whether a transaction takes no lock before it writes. SQLite's are immediate, as README says."""
    from tests.database import connection

    return bool(connection.vendor == "postgresql")


def test_signing_does_not_restore_a_retired_key() -> None:
    """Signing never writes a row that existed before."""
    first = Ring().signing("ES256", now=NOW)

    def retire(ring: Ring) -> str:
        try:
            ring.retire(first.kid, now=NOW)
        except keys.CannotRotate:
            return "too late"
        return "retired"

    def sign(ring: Ring) -> str:
        ring.signing("ES256", now=NOW)
        return "signed"

    half = PROCESSES // 2
    said = together(
        *[partial(retire, ring) for ring in rings()[:half]], *[partial(sign, ring) for ring in rings()[half:]]
    )
    assert ("retired" in said, first.kid in rows("ES256"), len(rows("ES256"))) == (True, False, 1)
