"""Findings about sign-out messages."""

from datetime import UTC, datetime, timedelta

import pytest

from oauth_service.watch.doctor.finding import Level
from oauth_service.watch.doctor.outbox import Message, findings

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def message(client_id: str = "rp", *, attempts: int = 0, due_in: int | None = 60) -> Message:
    """A waiting message: due_in seconds from now, or given up."""
    next_at = None if due_in is None else NOW + timedelta(seconds=due_in)
    return Message(
        client_id=client_id, attempts=attempts, last_error="it answered 503" if attempts else "", next_at=next_at
    )


def found(*messages: Message) -> list[tuple[str, str, str]]:
    """Findings: id, client and text."""
    listed = list(findings(messages, now=NOW))
    assert all(each.level is Level.WARNING for each in listed)
    return [(each.id, each.about, each.what) for each in listed]


def test_messages_on_their_way_are_nothing_to_find() -> None:
    """A client may be down for a moment, and a server may be busy."""
    assert found(message(), message(attempts=2), message(due_in=-600)) == []


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (
            (message(attempts=3), message(attempts=7), message("other")),
            (
                "sign-outs-not-taken",
                "rp",
                "The client has not accepted 2 sign-out messages, one after 7 attempts: it answered 503.",
            ),
        ),
        (
            (message(attempts=11, due_in=None),),
            ("sign-outs-given-up", "rp", "1 sign-out message never reached the client: it answered 503."),
        ),
        (
            (message(due_in=-1000),),
            ("sign-outs-unsent", "", "1 sign-out message should have been sent more than 15 minutes ago."),
        ),
    ],
)
def test_each_fault_has_a_finding(messages: tuple[Message, ...], expected: tuple[str, str, str]) -> None:
    """Each fault has exactly one finding, about the client concerned."""
    assert found(*messages) == [expected]
