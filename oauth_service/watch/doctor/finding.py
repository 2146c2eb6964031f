"""A finding: what was found, why it matters, and the remedy, a sentence each."""

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How much a finding matters; the greater, the more."""

    NOTE = 0  # good to know
    WARNING = 1  # less safe than it could be, or wrong sooner or later
    ERROR = 2  # does not work, or is not safe


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    One thing that was found.

    id stays the same between versions, for those who filter; about is the client or URL concerned, "" for all of it.
    """

    level: Level
    id: str
    what: str
    why: str
    remedy: str
    about: str = ""


def error(id_: str, what: str, *, why: str, remedy: str, about: str = "") -> Finding:
    """What does not work, or is not safe."""
    return Finding(level=Level.ERROR, id=id_, what=what, why=why, remedy=remedy, about=about)


def warning(id_: str, what: str, *, why: str, remedy: str, about: str = "") -> Finding:
    """What is less safe than it could be, or will be wrong sooner or later."""
    return Finding(level=Level.WARNING, id=id_, what=what, why=why, remedy=remedy, about=about)


def note(id_: str, what: str, *, why: str, remedy: str, about: str = "") -> Finding:
    """What is good to know."""
    return Finding(level=Level.NOTE, id=id_, what=what, why=why, remedy=remedy, about=about)
