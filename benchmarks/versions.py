"""Two commits of ours side by side: CPU and statements per request, or the instructions that valgrind counts."""

import contextlib
import dataclasses
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from . import measure, postgres
from .load import Answer, connected
from .measure import Results, Stage
from .operations import OPERATIONS, Facts, Player
from .postgres import Postgres
from .report import paired_ratio
from .subjects import CONNECTIONS, OURS, ROOT, Subject

ENTRIES = {
    "django": ("through Django", {"SERVE_DIRECT": "0"}, "config.server.wsgi:application"),
    "direct": ("direct entry", {"SERVE_DIRECT": "1"}, "config.server.wsgi_direct:application"),
}
IN_PROCESS = ROOT / "benchmarks" / "subjects" / "in_process.py"
INSTRUCTIONS_WINDOWS, INSTRUCTIONS_WINDOW = 3, 10

Counts = dict[str, dict[str, float]]  # subject → operation → count per request


@contextlib.contextmanager
def subjects(before: str, entries: Sequence[str]) -> Iterator[list[Subject]]:
    """Both versions, with each of the entries, until the block ends. The older one is checked out in the meantime."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-before-") as parent:
        older = Path(parent) / "before"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(older), before], cwd=ROOT, check=True)
        try:
            yield [
                dataclasses.replace(
                    OURS,
                    name=f"{when}-{entry}",
                    title=f"{when}, {title}",
                    root=root,
                    env=OURS.env | env,
                )
                for entry, (title, env, _) in ENTRIES.items()
                if entry in entries
                for when, root in (("before", older), ("after", ROOT))
            ]
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(older)], cwd=ROOT, check=True)


def cpu_and_statements(
    before: str, *, entries: Sequence[str], window: int, rounds: int, seconds: float
) -> tuple[list[str], str]:
    """
    Measure both versions in turns, served as in production.

    Returns:
        the parts of a page, and PostgreSQL's version.
    """
    with (
        subjects(before, entries) as versions,
        postgres.running() as server,
        measure.staged(server, versions, window=window) as stages,
    ):
        results = measure.in_turns(server, stages, rounds=rounds, seconds=seconds)
        statements = _statements(server, stages)
        return [
            "## CPU a request, in ms: server + PostgreSQL",
            _table(versions, lambda name, operation: _cpu(results, name, operation)),
            "## Times the CPU of before (median of the rounds)",
            _ratios(entries, lambda name, to, operation: paired_ratio(results, name, to, operation)),
            "## Statements a request, those of the audit trail included",
            _table(versions, lambda name, operation: f"{statements[name][operation]:.2f}"),
        ], server.version


def instructions(before: str, *, entries: Sequence[str]) -> tuple[list[str], str]:
    """
    Count the instructions of both versions under valgrind, without a server and in the answering thread only.

    The older one is counted twice: the difference between its two counts shows how much of the versions' difference is
    chance.

    Returns:
        the parts of a page, and PostgreSQL's version.
    """
    counts: Counts = {}
    with subjects(before, entries) as versions, postgres.running() as server, tempfile.TemporaryDirectory() as dumps:
        for subject in versions:
            for run in (1, 2) if subject.name.startswith("before-") else (1,):
                name = subject.name if run == 1 else subject.name.replace("before-", "again-")
                counts[name] = _count_instructions(server, subject, Path(dumps), run=run)
                print(f"{name} is counted", file=sys.stderr, flush=True)
        return [
            "## Instructions a request, in thousands, of the thread that answers; the kernel and PostgreSQL are not counted",
            _table(versions, lambda name, operation: f"{counts[name][operation] / 1000:,.0f}"),
            "## Times the instructions of before",
            _ratios(entries, lambda name, to, operation: counts[name][operation] / counts[to][operation], digits=3),
            "## The same of before, counted once more: what differs here is chance",
            _ratios(
                entries,
                lambda name, to, operation: counts[name.replace("after-", "again-")][operation] / counts[to][operation],
                digits=3,
            ),
        ], server.version


def _statements(server: Postgres, stages: Sequence[Stage]) -> Counts:
    counts: Counts = {stage.subject.name: {} for stage in stages}
    with server.logged_statements() as logged:
        for operation in OPERATIONS:
            for stage in stages:
                before = logged(stage.env["PGDATABASE"])
                requests = operation.send(stage.player, stage.warm_up + stage.window)
                with connected(stage.player.port, connections=CONNECTIONS) as load:
                    answers, _ = load.send(requests)
                operation.take(stage.player, answers)
                time.sleep(stage.subject.defers_seconds)
                count = logged(stage.env["PGDATABASE"]) - before
                counts[stage.subject.name][operation.name] = count / len(requests)
    return counts


class _Valgrind:
    """A subject in one process under valgrind, and the pipes to it."""

    def __init__(self, subject: Subject, env: dict[str, str], dumps: Path) -> None:
        self._dumps = dumps
        (_, _, application) = ENTRIES[subject.name.partition("-")[2]]
        command = [
            *("valgrind", "--quiet", "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes"),
            f"--callgrind-out-file={self._dumps}",
            *(sys.executable, str(IN_PROCESS), application),
        ]
        # Both versions iterate sets and dicts of strings in the same order.
        own = {"PYTHONPATH": str(subject.root), "PYTHONHASHSEED": "0"}
        self._process = process = subprocess.Popen(
            command,
            cwd=subject.root,
            env=env | own,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._told: Any = process.stdin
        self._heard: Any = process.stdout

    def send(self, requests: Sequence[bytes], *, is_counted: bool) -> tuple[list[Answer], int]:
        """Send requests; return the responses and the number of instructions they took together."""
        self._say(json.dumps([request.decode("latin-1") for request in requests]))
        if is_counted:
            self._tell("instrumentation", "on")
            self._tell("zero")
        self._say("")
        count = 0
        if is_counted:
            before = set(self._dumps.parent.iterdir())
            self._tell("dump")
            # One dump per thread: the audit trail's thread runs by chance.
            [dump] = [path for path in set(self._dumps.parent.iterdir()) - before if path.name.endswith("-01")]
            [total] = re.findall(r"^totals: (\d+)$", dump.read_text(), re.MULTILINE)
            count = int(total)
            self._tell("instrumentation", "off")
        answers = json.loads(self._say(""))
        return [Answer(raw=answer.encode("latin-1"), seconds=0) for answer in answers], count

    def end(self) -> None:
        """Close its input and wait until it has ended."""
        self._process.communicate()

    def _say(self, line: str) -> str:
        self._told.write(line + "\n")
        self._told.flush()
        answer: str = self._heard.readline()
        if not answer:
            raise RuntimeError("the process under valgrind has ended")
        return answer

    def _tell(self, *words: str) -> None:
        command = ["vgdb", f"--pid={self._process.pid}", *words]
        subprocess.run(command, check=True, capture_output=True)


def _count_instructions(server: Postgres, subject: Subject, dumps: Path, *, run: int = 1) -> dict[str, float]:
    database = server.create(f"{subject.name}_{run}".replace("-", "_"))
    state = dumps / f"{subject.name}-{run}.state"
    env = subject.environment(database, port=80, state=state, users=INSTRUCTIONS_WINDOW)
    facts = Facts.heard(measure.set_up(subject, env))
    player = Player(name=subject.name, port=80, paths=subject.paths, facts=facts)
    process = _Valgrind(subject, env, dumps / f"{subject.name}-{run}")
    counts: dict[str, list[float]] = {operation.name: [] for operation in OPERATIONS}
    try:
        # Each window holds a whole life: under valgrind a code would expire in a longer one. The first window warms up.
        for number in range(1 + INSTRUCTIONS_WINDOWS):
            for operation in OPERATIONS:
                requests = operation.send(player, INSTRUCTIONS_WINDOW)
                answers, count = process.send(requests, is_counted=number > 0)
                operation.take(player, answers)
                if number:
                    counts[operation.name].append(count / INSTRUCTIONS_WINDOW)
    finally:
        process.end()
    return {name: statistics.median(windows) for name, windows in counts.items()}


def _cpu(results: Results, name: str, operation: str) -> str:
    series = results[name][operation]
    return f"{series.server_ms:.3f} + {series.database_ms:.3f}"


def _ratios(entries: Sequence[str], ratio: Callable[[str, str, str], float], digits: int = 2) -> str:
    rows = [
        [title, *(f"{ratio(f'after-{entry}', f'before-{entry}', each.name):.{digits}f}" for each in OPERATIONS)]
        for entry, (title, *_) in ENTRIES.items()
        if entry in entries
    ]
    return _lines(rows)


def _table(versions: Sequence[Subject], cell: Callable[[str, str], str]) -> str:
    return _lines([[each.title, *(cell(each.name, operation.name) for operation in OPERATIONS)] for each in versions])


def _lines(rows: Sequence[Sequence[Any]]) -> str:
    head = ["", *(operation.title for operation in OPERATIONS)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---", *["---:"] * len(OPERATIONS)], *rows])
