"""Prescriptions that both examples serve. They are kept in memory and reset at each start."""

from dataclasses import asdict, dataclass
from typing import Any


class NotFound(Exception):
    """The person has no such prescription, or no refills are left."""


@dataclass(slots=True)
class Prescription:
    """A medicine, and how often it can still be ordered."""

    number: str
    medicine: str
    dose: str
    refills: int


# By subject, the only id of a user that a separate API knows. All users have the same prescriptions.
_kept: dict[str, dict[str, Prescription]] = {}


def prescriptions_of(subject: str) -> list[dict[str, Any]]:
    """All prescriptions of a person."""
    return [asdict(each) for each in _all(subject).values()]


def prescription_of(subject: str, number: str) -> dict[str, Any]:
    """
    Return one prescription.

    Raises:
        NotFound: there is none with this number.
    """
    return asdict(_find(subject, number))


def order(subject: str, number: str) -> dict[str, Any]:
    """
    Order a prescription again.

    Raises:
        NotFound: there is none with this number, or no refills are left.
    """
    found = _find(subject, number)
    if not found.refills:
        raise NotFound(f"{found.medicine} cannot be ordered any more")
    found.refills -= 1
    return asdict(found)


def _find(subject: str, number: str) -> Prescription:
    if found := _all(subject).get(number):
        return found
    raise NotFound(f"there is no prescription {number}")


def _all(subject: str) -> dict[str, Prescription]:
    prescribed = (
        Prescription("1", "Drink-me bottle, shrinking", "one sip before small doors", 11),
        Prescription("2", "Eat-me cake, growing", "one bite, currants first", 1),
        Prescription("3", "Mushroom, both sides", "alternately, as needed", 0),
    )
    return _kept.setdefault(subject, {each.number: each for each in prescribed})
