"""Pairs of Python and Django that pyproject.toml promises, and the next ones."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.sites import ROOT

LOCKS = Path(__file__).parent
LOWEST = "lowest"
# Not promised by the classifiers yet: there was no interpreter to run the suite with.
NEXT_PYTHONS = ("3.14",)
# Oldest Python of a Django, if it is newer than our own oldest.
OLDEST_PYTHON = {"6.0": "3.12", "6.1": "3.12"}

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@dataclass(frozen=True, slots=True)
class Pair:
    """
    A Python (`3.12`) and a Django: a series (`6.0`: the newest release in our lock), or the lowest of all dependencies.
    """

    python: str
    django: str

    def __str__(self) -> str:
        return f"{self.python}-{self.django}"

    @property
    def lock(self) -> Path:
        """Pins that replace those of requirements.lock."""
        return LOCKS / (f"{LOWEST}.lock" if self.django == LOWEST else f"django-{self.django}.lock")


def promised(classifier: str) -> list[str]:
    """Versions that the classifiers name, oldest first."""
    found = [re.fullmatch(rf"{classifier} :: (\d+\.\d+)", each) for each in PROJECT["classifiers"]]
    return sorted((each[1] for each in found if each), key=in_order)


def in_order(version: str) -> tuple[int, ...]:
    """A version as a sort key."""
    return tuple(map(int, version.split(".")))


def pythons_of(django: str) -> list[str]:
    """Pythons that are promised for a series of Django."""
    oldest = in_order(OLDEST_PYTHON.get(django, "3.0"))
    return [python for python in promised("Programming Language :: Python") if in_order(python) >= oldest]


def all_pairs() -> Iterator[Pair]:
    """Every pair, lowest first."""
    yield Pair(promised("Programming Language :: Python")[0], LOWEST)
    for django in promised("Framework :: Django"):
        for python in (*pythons_of(django), *NEXT_PYTHONS):
            yield Pair(python, django)
