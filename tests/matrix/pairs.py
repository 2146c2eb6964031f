"""The pairs of Python and Django that pyproject.toml promises, and those that come next."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.sites import ROOT

LOCKS = Path(__file__).parent
LOWEST = "lowest"
# What the classifiers do not promise yet: nobody had an interpreter to run the suite with.
NEXT_PYTHONS = ("3.14",)
# The oldest Python of a Django, where it is newer than our own oldest.
OLDEST_PYTHON = {"6.0": "3.12", "6.1": "3.12"}

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@dataclass(frozen=True, slots=True)
class Pair:
    """
    One Python (`3.12`) and one Django: a series (`6.0`, its newest release in our lock), or the lowest of all that we depend on.
    """

    python: str
    django: str

    def __str__(self) -> str:
        return f"{self.python}-{self.django}"

    @property
    def lock(self) -> Path:
        """The pins that replace those of requirements.lock."""
        return LOCKS / (f"{LOWEST}.lock" if self.django == LOWEST else f"django-{self.django}.lock")


def promised(classifier: str) -> list[str]:
    """The versions that the classifiers name, the oldest first."""
    found = [re.fullmatch(rf"{classifier} :: (\d+\.\d+)", each) for each in PROJECT["classifiers"]]
    return sorted((each[1] for each in found if each), key=in_order)


def in_order(version: str) -> tuple[int, ...]:
    """A version as a sort key."""
    return tuple(map(int, version.split(".")))


def pythons_of(django: str) -> list[str]:
    """The Pythons that are promised for a series of Django."""
    oldest = in_order(OLDEST_PYTHON.get(django, "3.0"))
    return [python for python in promised("Programming Language :: Python") if in_order(python) >= oldest]


def all_pairs() -> Iterator[Pair]:
    """Every pair, the lowest first."""
    yield Pair(promised("Programming Language :: Python")[0], LOWEST)
    for django in promised("Framework :: Django"):
        for python in (*pythons_of(django), *NEXT_PYTHONS):
            yield Pair(python, django)
