"""
`make mutants`: remove one defence after another in a copy of the tree, and check that its test fails.

With all defences in place, every test passes first. A mutation that survives fails the run: its test is too weak, or there is a
second defence.
"""

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from config.sites import ROOT
from tests.attacks.mutations import MUTATIONS, Mutation

TESTS_FAILED = 1  # pytest's exit code for failed tests; any other means that they were not run


def main() -> int:
    """Run the list; return 1 if a mutation survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("--only", default="", metavar="WORDS", help="those whose attack or file has these words in it")
    only = parser.parse_args().only
    chosen = [each for each in MUTATIONS if only in each.attack or only in each.file]
    with tempfile.TemporaryDirectory() as folder:
        tree = copy_of_the_tree(Path(folder))
        if status := run(tree, *dict.fromkeys(each.test for each in chosen)):
            print(f"The tests do not pass as they are (pytest: {status}).")
            return 1
        survivors = [each for each in chosen if not is_noticed(tree, each)]
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} are noticed.")
    return 1 if survivors else 0


def copy_of_the_tree(folder: Path) -> Path:
    """Copy every file that belongs to the repository: an interrupted run must leave no hole in the tree itself."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (source := ROOT / name).is_file():
            (target := folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    return folder


def is_noticed(tree: Path, mutation: Mutation) -> bool:
    """Return whether the test fails without the defence."""
    path = tree / "oauth_service" / mutation.file
    genuine = path.read_text()
    begun = time.monotonic()
    write(path, genuine.replace(mutation.old, mutation.new))
    status = run(tree, mutation.test)
    write(path, genuine)
    said = "noticed" if status == TESTS_FAILED else f"SURVIVES (pytest: {status})"
    print(f"{said}, {time.monotonic() - begun:.0f} s: {mutation.file}: {mutation.attack}", flush=True)
    return status == TESTS_FAILED


def write(path: Path, source: str) -> None:
    """
    Write a module with a modification time of its own: Python compares sizes and whole seconds, which two versions may
    share.
    """
    path.write_text(source)
    moment = next(_moments)
    os.utime(path, (moment, moment))


_moments = itertools.count(1_000_000_000)


def run(tree: Path, *tests: str) -> int:
    """Run tests of a tree until one fails; return pytest's exit code."""
    options = ("-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--no-header", "--nomigrations")
    paths = {"PYTHONPATH": str(tree), "PYTHONPYCACHEPREFIX": str(tree / ".pycache")}
    environment = {"TEST_DATABASE": "sqlite"} | os.environ | paths
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *(f"tests/{each}" for each in tests)],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if len(tests) > 1 and finished.returncode:
        print(finished.stdout[-4000:])
    return finished.returncode


if __name__ == "__main__":
    sys.exit(main())
