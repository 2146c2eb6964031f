"""Start the subjects side by side and measure them in turns."""

import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import postgres
from .load import Answer, Load, connected
from .operations import OPERATIONS, Facts, Operation, Player
from .postgres import Postgres
from .processes import cpu_seconds, free_port, serving
from .subjects import CONNECTIONS, Subject

FEWEST_ROUNDS = 5
WARM_UP = 16  # unmeasured requests before each window


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A window of requests for one operation to one subject; CPU in seconds per request."""

    server_cpu: float
    database_cpu: float
    per_second: float
    latencies: tuple[float, ...]

    @property
    def cpu(self) -> float:
        """CPU of server and database together."""
        return self.server_cpu + self.database_cpu


@dataclass(slots=True, kw_only=True)
class Series:
    """All windows of one operation to one subject. Medians leave out bursts of other work on the machine."""

    windows: list[Window] = field(default_factory=list)

    @property
    def server_ms(self) -> float:
        """Milliseconds of CPU per request in the server's process tree."""
        return 1000 * statistics.median(window.server_cpu for window in self.windows)

    @property
    def database_ms(self) -> float:
        """Milliseconds of CPU per request in all of PostgreSQL's processes."""
        return 1000 * statistics.median(window.database_cpu for window in self.windows)

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of CPU per request in both."""
        return 1000 * statistics.median(window.cpu for window in self.windows)

    @property
    def per_second(self) -> float:
        """Requests per second."""
        return statistics.median(window.per_second for window in self.windows)

    def latency_ms(self, share: float) -> float:
        """Latency below which this share of all requests stayed, in milliseconds."""
        latencies = sorted(latency for window in self.windows for latency in window.latencies)
        return 1000 * latencies[min(len(latencies) - 1, int(share * len(latencies)))]

    @property
    def requests(self) -> int:
        """Number of measured requests."""
        return sum(len(window.latencies) for window in self.windows)


Results = dict[str, dict[str, Series]]  # subject → operation → series


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A running subject, and all that is needed to send it requests."""

    subject: Subject
    pid: int
    env: dict[str, str]
    player: Player
    warm_up: int
    window: int


@contextlib.contextmanager
def staged(server: Postgres, subjects: Sequence[Subject], *, window: int) -> Iterator[list[Stage]]:
    """
    Set up all subjects and run them until the block ends.

    Args:
        window: requests in a window of a subject of weight 1.
    """
    with contextlib.ExitStack() as running:
        logs = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="benchmarks-logs-")))
        yield [running.enter_context(_stage(server, subject, window=window, logs=logs)) for subject in subjects]


@contextlib.contextmanager
def _stage(server: Postgres, subject: Subject, *, window: int, logs: Path) -> Iterator[Stage]:
    warm_up, own = (max(CONNECTIONS, round(count * subject.weight)) for count in (WARM_UP, window))
    database = server.create(subject.name.replace("-", "_")) if subject.is_durable else {}
    port = free_port()
    state = logs / subject.name
    env = subject.environment(database, port=port, state=state, users=warm_up + own)
    told = set_up(subject, env) if subject.setup else ""
    with serving(subject.command(port), cwd=subject.root, env=env, port=port, log=logs / f"{subject.name}.log") as pid:
        facts = Facts.heard(told or (state / "facts.json").read_text())
        player = Player(
            name=subject.name,
            port=port,
            paths=subject.paths,
            facts=facts,
            scope=subject.scope,
            extra=subject.extra,
            token_alg=subject.token_alg,
        )
        yield Stage(subject=subject, pid=pid, env=env, player=player, warm_up=warm_up, window=own)


def set_up(subject: Subject, env: dict[str, str]) -> str:
    """Run a subject's setup; return what it printed."""
    command = [sys.executable, "-m", subject.setup]
    done = subprocess.run(command, cwd=subject.root, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{subject.name} could not be set up:\n{done.stdout}{done.stderr}")
    return done.stdout


def in_turns(
    server: Postgres,
    stages: Sequence[Stage],
    *,
    rounds: int,
    seconds: float,
    operations: Sequence[Operation] = OPERATIONS,
    beforehand: Sequence[Operation] = (),
) -> Results:
    """
    Measure every operation of every subject once per round: A B C, then B C A, … Missing operations are left out.

    Args:
        rounds: most rounds, after one that only warms up (imports, plans, caches).
        seconds: no further round begins after that, once there are FEWEST_ROUNDS.
        beforehand: operations that every subject performs once, unmeasured.

    Raises:
        Wrong, RuntimeError: a response is wrong; a run with errors has no results.
    """
    results: Results = {
        stage.subject.name: {each.name: Series() for each in operations if each.name not in stage.subject.lacks}
        for stage in stages
    }
    started_at = time.monotonic()
    for operation in beforehand:
        for stage in stages:
            if operation.name not in stage.subject.lacks:
                _measure(server, stage, operation)
    for number in range(rounds + 1):
        if number > FEWEST_ROUNDS and time.monotonic() - started_at > seconds:
            break
        turn = number % len(stages)
        for operation in operations:
            for stage in [*stages[turn:], *stages[:turn]]:
                if operation.name in stage.subject.lacks:
                    continue
                window = _measure(server, stage, operation)
                if number:
                    results[stage.subject.name][operation.name].windows.append(window)
        print(f"round {number} of {rounds}, {time.monotonic() - started_at:.0f} s", file=sys.stderr, flush=True)
    return results


def _measure(server: Postgres, stage: Stage, operation: Operation) -> Window:
    requests = operation.send(stage.player, stage.warm_up + stage.window)
    with connected(stage.player.port, connections=CONNECTIONS) as load:
        before, _ = load.send(requests[: stage.warm_up])
        answers, window = _watched(server, stage, load, requests[stage.warm_up :])
    operation.take(stage.player, [*before, *answers])
    return window


def _watched(server: Postgres, stage: Stage, load: Load, requests: list[bytes]) -> tuple[list[Answer], Window]:
    server_before, database_before = cpu_seconds(stage.pid), cpu_seconds(server.pid)
    answers, took = load.send(requests)
    time.sleep(stage.subject.defers_seconds)  # include the cost of deferred work
    server_after, database_after = cpu_seconds(stage.pid), cpu_seconds(server.pid)
    count = len(requests)
    return answers, Window(
        server_cpu=(server_after - server_before) / count,
        database_cpu=(database_after - database_before) / count,
        per_second=count / took,
        latencies=tuple(answer.seconds for answer in answers),
    )


def run(
    subjects: Sequence[Subject],
    *,
    window: int,
    rounds: int,
    seconds: float,
    operations: Sequence[Operation] = OPERATIONS,
    beforehand: Sequence[Operation] = (),
) -> tuple[Results, str]:
    """
    Run everything on a PostgreSQL of its own; the arguments are those of in_turns().

    Returns:
        the results, and PostgreSQL's version.
    """
    with postgres.running() as server, staged(server, subjects, window=window) as stages:
        results = in_turns(server, stages, rounds=rounds, seconds=seconds, operations=operations, beforehand=beforehand)
        return results, server.version
