"""
`make matrix`: run the suite on each supported pair of Python and Django for which this machine has an interpreter.

`--ends` runs only the most important tests, on the lowest and the highest pair, and fails if an interpreter is missing.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from config.sites import ROOT
from tests.matrix import interpreters
from tests.matrix.pairs import LOWEST, Pair, all_pairs, in_order

ENVIRONMENTS = ROOT / ".matrix"
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==", re.IGNORECASE)
PYTEST = ("-m", "pytest", "-q", "-n", "3", "--dist", "worksteal")
MARKED = ("-m", "not journey and not production and not fault")
# Left out, because every release gives the same result: the tree, the documents, the benchmarks.
ELSEWHERE = (
    "benchmarks",
    "journeys",
    "architecture/test_clauses.py",
    "architecture/test_imports.py",
    "architecture/test_tree.py",
)
# Races, random sequences and the simulation take minutes, and depend on the database and not on the release of Django.
LONG = ("concurrency", "fuzz", "simulation", "stateful")
# Rules that do not use Django, the tree, and grant types, which use no more of Django than the endpoints do.
SAME_ON_EVERY_DJANGO = ("architecture", "attacks", "grant_types", "protocol")


@dataclass(frozen=True, slots=True)
class Suite:
    """Arguments of pytest, and the database."""

    database: str
    chosen: tuple[str, ...]


def _without(*names: str, marked: tuple[str, ...] = MARKED) -> tuple[str, ...]:
    return (*marked, *(f"--ignore=tests/{name}" for name in (*ELSEWHERE, *names, CLIENT)))


CLIENT = "prescription_manager_app"
CORE = Suite("sqlite", _without(*LONG, *SAME_ON_EVERY_DJANGO, marked=("-m", f"{MARKED[1]} and not walk")))
WHOLE = Suite("sqlite", _without())
ON_POSTGRES = Suite("postgres", _without())
CLIENTS_OWN = Suite("sqlite", ("--ds=config.client.settings", f"--confcutdir=tests/{CLIENT}", f"tests/{CLIENT}"))


def main() -> int:
    """
    Run the chosen pairs.

    Returns:
        the exit code: 1 if a test failed, or if one of the two ends has no interpreter.
    """
    options = _options()
    pairs = [pair for pair in all_pairs() if not options.only or str(pair) in options.only]
    present = [pair for pair in pairs if interpreters.find(pair.python)]
    missing = sorted({pair.python for pair in pairs} - {pair.python for pair in present}, key=in_order)
    chosen = _ends(present) if options.ends else present
    lines: list[str] = []
    failed = False
    if options.ends and len(chosen) < 2:
        lines.append("FAILED: this machine has no interpreter for the lowest pair, or none for the highest")
        failed = True
    for pair in chosen:
        outcome, seconds = _run(pair, _suites(pair, chosen, ends=options.ends), options.arguments)
        failed |= outcome != 0
        lines.append(f"{'FAILED' if outcome else 'passed'}: Python {pair.python}, {_django_of(pair)}, {seconds:.0f} s")
    lines += [
        f"LEFT OUT: Python {each}. It is not on this machine; install it (`uv python install {each}`) and run again."
        for each in missing
    ]
    print("", *lines, sep="\n")  # noqa: T201 - what was asked for
    return int(failed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make matrix")
    parser.add_argument("--ends", action="store_true", help="the lowest and the highest pair, without what takes long")
    parser.add_argument("--only", action="append", help="one pair, such as 3.12-6.0 or 3.11-lowest; again for more")
    parser.add_argument("arguments", nargs="*", help="for pytest, after --")
    return parser.parse_args()


def _ends(pairs: list[Pair]) -> list[Pair]:
    newest = list(all_pairs())[-1].django
    return [pair for pair in pairs if pair.django == LOWEST] + [pair for pair in pairs if pair.django == newest][-1:]


def _suites(pair: Pair, chosen: list[Pair], *, ends: bool) -> list[Suite]:
    if ends:
        return [CORE]
    # PostgreSQL once for each Django, with its newest Python.
    is_newest = [each for each in chosen if each.django == pair.django][-1] == pair
    return [WHOLE, CLIENTS_OWN, *([ON_POSTGRES] if is_newest else [])]


def _run(pair: Pair, suites: list[Suite], arguments: list[str]) -> tuple[int, float]:
    started = time.monotonic()
    python = install(pair)
    print(f"\n== Python {pair.python}, {_django_of(pair)} ==", flush=True)  # noqa: T201
    outcome = 0
    for suite in suites:
        environment = os.environ | {
            "TEST_DATABASE": suite.database,
            "PYTHONPYCACHEPREFIX": str(python.parents[1] / "pycache"),
        }
        command = [str(python), *PYTEST, *suite.chosen, *arguments]
        outcome |= subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    return outcome, time.monotonic() - started


def install(pair: Pair) -> Path:
    """
    Create the environment of a pair from requirements.lock, with the pair's own pins in place of ours.

    Returns:
        its interpreter.
    """
    environment = ENVIRONMENTS / str(pair)
    python = environment / "bin/python"
    if not python.exists():
        _uv("venv", "--python", str(interpreters.find(pair.python)), str(environment))
    pins = environment / "requirements.lock"
    pins.write_text(combined((ROOT / "requirements.lock").read_text(), pair.lock.read_text()))
    _uv("pip", "sync", "--python", str(python), "--require-hashes", str(pins))
    _uv("pip", "check", "--python", str(python))
    return python


def combined(base: str, instead: str) -> str:
    """Pins of one lock, in which those of another replace the pins of the same packages."""
    replaced = {pin[1].lower() for line in instead.splitlines() if (pin := PIN.match(line))}
    kept, keeps = [], True
    for line in base.splitlines():
        if pin := PIN.match(line):
            keeps = pin[1].lower() not in replaced
        if keeps:
            kept.append(line)
    return "\n".join([*kept, instead])


def _uv(*arguments: str) -> None:
    subprocess.run([interpreters.UV, *arguments, "--quiet"], cwd=ROOT, check=True)


def _django_of(pair: Pair) -> str:
    [pin] = re.findall(r"^django==(\S+)", pair.lock.read_text(), re.MULTILINE)
    return f"Django {pin}"


if __name__ == "__main__":
    sys.exit(main())
