"""What the browser session remembers: the authorizations it began and the connection it has; never a token."""

import secrets
import time
from dataclasses import dataclass, field

from django.contrib.sessions.backends.base import SessionBase

AUTHORIZATIONS = "authorizations"
CONNECTION = "connection"
JOURNEY = "journey"  # what /lifecycle/ is shown by; set only while DEBUG is on
AUTHORIZATION_SECONDS = 3600
AUTHORIZATIONS_KEPT = 8  # one for each tab in which Alice clicked Connect


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """One click on Connect: the state that its answer must carry, and the PKCE verifier its code needs."""

    state: str = field(repr=False)
    code_verifier: str = field(repr=False)


def begin_authorization(session: SessionBase) -> Authorization:
    """Remember a new authorization, good for an hour."""
    begun = Authorization(state=secrets.token_urlsafe(32), code_verifier=secrets.token_urlsafe(64))
    pending = list(_pending(session).items())[-(AUTHORIZATIONS_KEPT - 1) :]
    session[AUTHORIZATIONS] = dict(pending) | {begun.state: [begun.code_verifier, int(time.time())]}
    return begun


def take_authorization(session: SessionBase, state: str) -> Authorization | None:
    """The authorization with this state, once; None if this session did not begin it or has used it."""
    pending = _pending(session)
    found = pending.pop(state, None)
    session[AUTHORIZATIONS] = pending
    return None if found is None else Authorization(state=state, code_verifier=str(found[0]))


def connect(session: SessionBase, connection_id: str) -> None:
    """Bind a connection to this session, under a new session key: the old one may have been fixed by somebody else."""
    session.cycle_key()
    session[CONNECTION] = connection_id


def connection_id(session: SessionBase) -> str | None:
    """The primary key of this session's connection; None if there is none."""
    return session.get(CONNECTION)


def end(session: SessionBase) -> None:
    """Forget everything, under a new session key; the recording of a developer's journey stays readable."""
    journey = session.get(JOURNEY)
    session.flush()
    if journey is not None:
        session[JOURNEY] = journey


def _pending(session: SessionBase) -> dict[str, list[str | int]]:
    since = time.time() - AUTHORIZATION_SECONDS
    stored: dict[str, list[str | int]] = session.get(AUTHORIZATIONS, {})
    return {state: entry for state, entry in stored.items() if int(entry[1]) > since}
