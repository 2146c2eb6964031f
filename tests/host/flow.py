"""Tests of the host project. Each makes the same events, and would see those that another test leaves behind."""

import threading
import time

from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.test import TestCase, TransactionTestCase

from oauth_service import signals
from oauth_service.models import AuditEvent
from oauth_service.watch import audit

audit.PAUSE_SECONDS = 0.01  # a writer thread, if there is one, must run before the test ends
EVENTS = ["client_refused", "consent_given", "login_refused", "token_issued"]


def make_events() -> None:
    """Make some events that wait in production, and one that does not."""
    user = User.objects.create_user("alice")
    authenticate(username="alice", password="wrong")
    signals.announce(signals.client_refused, client_id="app", reason="no such client")
    signals.announce(signals.consent_given, user_id=user.pk, client_id="app", scope="user")
    signals.announce(signals.token_issued, user_id=user.pk, client_id="app", scope="user", grant_id=None)
    time.sleep(0.1)


def written() -> list[str]:
    """Events that have a row."""
    return sorted(AuditEvent.objects.values_list("event", flat=True))


class Committing(TransactionTestCase):
    """Events of transactions that end within the test."""

    def test_events_are_written_when_they_happen(self) -> None:
        """A host's test can read the events at once."""
        make_events()
        assert written() == EVENTS

    def test_events_of_another_test_are_not_written_into_this_one(self) -> None:
        """Events of the test above must not be added here, and must not suppress these."""
        make_events()
        assert written() == EVENTS

    def test_no_thread_is_left_with_a_connection(self) -> None:
        """A thread with an open connection would keep Django from deleting the test database."""
        make_events()
        assert [thread.name for thread in threading.enumerate() if "oauth_service" in thread.name] == []


class RolledBack(TestCase):
    """
    Events of a transaction that is rolled back with the test. captureOnCommitCallbacks() runs what waits for the
    commit.
    """

    def test_events_are_in_the_transaction_of_the_test(self) -> None:
        """The events must go with the rollback of the test."""
        with self.captureOnCommitCallbacks(execute=True):
            make_events()
        assert written() == EVENTS
