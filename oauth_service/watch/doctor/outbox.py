"""Findings about undelivered sign-out messages (OpenID Connect Back-Channel Logout 1.0)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from .finding import Finding, warning

KEEPS_FAILING = 3
"""Number of failed attempts that a restart of the client does not explain."""
OVERDUE = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A pending message. next_at is None if delivery was given up. last_error is "" before the first attempt."""

    client_id: str
    attempts: int
    last_error: str
    next_at: datetime | None


def findings(messages: Iterable[Message], *, now: datetime) -> Iterator[Finding]:
    found = list(messages)
    for client_id in sorted({each.client_id for each in found}):
        yield from _of_client(client_id, [each for each in found if each.client_id == client_id])
    if overdue := [each for each in found if each.next_at and each.next_at < now - OVERDUE]:
        yield warning(
            "sign-outs-unsent",
            f"{_messages(len(overdue))} should have been sent more than {OVERDUE.seconds // 60} minutes ago.",
            why="Users who signed out here may still be signed in at apps.",
            remedy="A server sends these messages when a user signs out, and retries while it issues tokens. "
            "Check that a server is running, and look in the log of oauth_service.deliveries.",
        )


def _of_client(client_id: str, messages: list[Message]) -> Iterator[Finding]:
    failing = [each for each in messages if each.next_at and each.attempts >= KEEPS_FAILING]
    given_up = [each for each in messages if each.next_at is None]
    remedy = (
        "Ask the client's operator to check that its backchannel_logout_uri is correct, can be reached from this server "
        "and answers with status 200."
    )
    why = "Users who signed out here are still signed in at this client."
    if failing:
        worst = max(failing, key=lambda each: each.attempts)
        yield warning(
            "sign-outs-not-taken",
            f"The client has not accepted {_messages(len(failing))}, one after {worst.attempts} attempts: {worst.last_error}.",
            why=why,
            remedy=remedy,
            about=client_id,
        )
    if given_up:
        yield warning(
            "sign-outs-given-up",
            f"{_messages(len(given_up))} never reached the client: {given_up[0].last_error}.",
            why=why,
            remedy=remedy,
            about=client_id,
        )


def _messages(count: int) -> str:
    return f"{count} sign-out message{'' if count == 1 else 's'}"
