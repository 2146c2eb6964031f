"""Contents of the browser session: ids of the browser and of its connection, never a token."""

import contextlib
import uuid
from datetime import timedelta

from django.contrib.sessions.backends.base import SessionBase, UpdateError

CONNECTION = "connection"
VISITOR = "visitor"
JOURNEY = "journey"  # id of the recording that /lifecycle/ shows; set only while DEBUG is on
# Time in which a repeated response still finds the same outcome.
REPEATED_WITHIN = timedelta(minutes=2)


def visitor(session: SessionBase) -> uuid.UUID:
    """Id of this browser until it logs out; created on first use."""
    found = visitor_id(session)
    if found is None:
        found = uuid.uuid4()
        session[VISITOR] = str(found)
    return found


def visitor_id(session: SessionBase) -> uuid.UUID | None:
    """Id of this browser; None if it has begun nothing yet."""
    return uuid_of(session.get(VISITOR))


def connect(session: SessionBase, connection_id: str) -> None:
    """
    Bind a connection to this session, under a new session key: an attacker may have fixed the old one.

    The old session keeps only its visitor id, and ends soon. Until then it identifies a browser that never saw the new
    key, because it sent the same response twice and dropped our first answer.
    """
    data, old_key = dict(session.items()), session.session_key
    session.create()
    session.update(data | {CONNECTION: connection_id})
    session.set_expiry(None)  # the old one may have been about to expire
    if old_key is not None:
        old = type(session)(old_key)
        old.clear()
        old[VISITOR] = data[VISITOR]
        old.set_expiry(REPEATED_WITHIN)
        with contextlib.suppress(UpdateError):  # it has ended in the meantime
            old.save()


def connection_id(session: SessionBase) -> str | None:
    """Primary key of this session's connection, or None."""
    found = uuid_of(session.get(CONNECTION))
    return None if found is None else str(found)


def journey(session: SessionBase) -> str:
    """Id of this session's recording; created on first use."""
    found = uuid_of(session.get(JOURNEY))
    if found is None:
        found = uuid.uuid4()
        session[JOURNEY] = str(found)
    return str(found)


def uuid_of(text: object) -> uuid.UUID | None:
    """A UUID that was stored as text; None if it is missing or malformed, for example from an older release."""
    try:
        return uuid.UUID(text) if isinstance(text, str) else None
    except ValueError:
        return None


def end(session: SessionBase) -> None:
    """Delete the session's data, under a new session key; the recording stays readable for developers."""
    journey = session.get(JOURNEY)
    session.flush()
    if journey is not None:
        session[JOURNEY] = journey
