"""A finding: three sentences that say what was found, why it matters and what to do."""

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """The gravity of a finding; higher is graver."""

    NOTE = 0  # good to know
    WARNING = 1  # less safe than it could be, or will fail sooner or later
    ERROR = 2  # does not work, or is unsafe


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    A single result of the diagnosis.

    id stays the same between versions, so that findings can be filtered by it. about is the client or URL concerned; ""
    if the finding is about the whole deployment.
    """

    level: Level
    id: str
    what: str
    why: str
    remedy: str
    about: str = ""


def error(id_: str, what: str, *, why: str, remedy: str, about: str = "") -> Finding:
    """Return a finding about something that does not work or is unsafe."""
    return Finding(level=Level.ERROR, id=id_, what=what, why=why, remedy=remedy, about=about)


def warning(id_: str, what: str, *, why: str, remedy: str, about: str = "") -> Finding:
    """Return a finding about something that is less safe than it could be, or will fail sooner or later."""
    return Finding(level=Level.WARNING, id=id_, what=what, why=why, remedy=remedy, about=about)


def note(id_: str, what: str, *, why: str, remedy: str, about: str = "") -> Finding:
    """Return a finding that is good to know."""
    return Finding(level=Level.NOTE, id=id_, what=what, why=why, remedy=remedy, about=about)
