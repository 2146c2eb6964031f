"""What the browser session remembers: which browser it is and the connection it has; never a token."""

import contextlib
import uuid
from datetime import timedelta

from django.contrib.sessions.backends.base import SessionBase, UpdateError

CONNECTION = "connection"
VISITOR = "visitor"
JOURNEY = "journey"  # what /lifecycle/ is shown by; set only while DEBUG is on
# How long an answer that has arrived may arrive again, and find the same outcome.
REPEATED_WITHIN = timedelta(minutes=2)


def visitor(session: SessionBase) -> uuid.UUID:
    """What this browser is called until it logs out; made on first use."""
    found = visitor_id(session)
    if found is None:
        found = uuid.uuid4()
        session[VISITOR] = str(found)
    return found


def visitor_id(session: SessionBase) -> uuid.UUID | None:
    """What this browser is called; None if it has begun nothing yet."""
    return uuid_of(session.get(VISITOR))


def connect(session: SessionBase, connection_id: str) -> None:
    """
    Bind a connection to this session, under a new session key: the old one may have been fixed by somebody else.

    The old session knows nothing but its visitor from now on, and ends soon. Until then a browser that never saw the
    new key, because it has sent the same answer twice and dropped our first response, can still be told apart.
    """
    data, old_key = dict(session.items()), session.session_key
    session.create()
    session.update(data | {CONNECTION: connection_id})
    session.set_expiry(None)  # the old one may have been about to end
    if old_key is not None:
        old = type(session)(old_key)
        old.clear()
        old[VISITOR] = data[VISITOR]
        old.set_expiry(REPEATED_WITHIN)
        with contextlib.suppress(UpdateError):  # it ended meanwhile
            old.save()


def connection_id(session: SessionBase) -> str | None:
    """The primary key of this session's connection; None if there is none."""
    found = uuid_of(session.get(CONNECTION))
    return None if found is None else str(found)


def journey(session: SessionBase) -> str:
    """What this session's recording is called; made on first use."""
    found = uuid_of(session.get(JOURNEY))
    if found is None:
        found = uuid.uuid4()
        session[JOURNEY] = str(found)
    return str(found)


def uuid_of(text: object) -> uuid.UUID | None:
    """A UUID that was kept as text; None if it is missing or none, as what an older release wrote may be."""
    try:
        return uuid.UUID(text) if isinstance(text, str) else None
    except ValueError:
        return None


def end(session: SessionBase) -> None:
    """Forget everything, under a new session key; the recording of a developer's journey stays readable."""
    journey = session.get(JOURNEY)
    session.flush()
    if journey is not None:
        session[JOURNEY] = journey
