"""Ours with few, many and very many live grants: cost, rows that refreshes leave behind, and speed of the sweep."""

import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Sequence

import psycopg

from . import bulk, postgres
from .load import Answer, connected
from .measure import WARM_UP, Results, Stage, in_turns, staged
from .operations import OPERATIONS, Operation, Player
from .postgres import Postgres
from .report import completed_rounds, paired_ratio
from .subjects import CONNECTIONS, OURS, ROOT, Subject

FLATNESS = 1.3
REFRESHED = 2_000  # connections that share all refreshes
BACKLOG = 100_000


def run(*, sizes: Sequence[int], refreshes: int, window: int, rounds: int, seconds: float) -> tuple[list[str], str]:
    """
    Run everything on a PostgreSQL of its own, with a database for each size.

    Args:
        sizes: numbers of live grants, ascending.
        refreshes: how many to send to see what they leave behind.

    Returns:
        the parts of the page, and PostgreSQL's version.
    """
    stock = (rounds + 1) * (window + WARM_UP) + REFRESHED
    subjects = [_at(size, stock) for size in sizes]
    # Otherwise gigabytes of new rows would cause checkpoints during the measurements. PostgreSQL gets a third of this
    # machine's memory, so that all queried rows fit, as operators of that many connections would ensure.
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    buffers = f"{memory // 3 // 2**20}MB"
    with (
        postgres.running(max_wal_size="16GB", shared_buffers=buffers) as server,
        staged(server, subjects, window=window) as stages,
    ):
        loaded = _bytes(server, stages, sizes)
        results = in_turns(server, stages, rounds=rounds, seconds=seconds, operations=_operations())
        parts = [
            "## Cost of an operation",
            _costs(sizes, results),
            "## Bytes a grant",
            loaded,
            "## What refreshes leave behind",
            _refreshes(server, stages[0], refreshes, size=sizes[0]),
            "## Sweeping",
            _sweep(server, stages[-1], results, size=sizes[-1]),
        ]
        return parts, server.version


def _at(size: int, stock: int) -> Subject:
    return dataclasses.replace(
        OURS,
        name=f"ours-{size}",
        title=f"{size:,} grants",
        setup="benchmarks.subjects.ours_at_scale",
        env=OURS.env | {"SIZE": str(size), "STOCK": str(stock)},
    )


def _operations() -> list[Operation]:
    # Use, refresh and revoke grants from anywhere in the table, not those that were just made.
    def take(player: Player, answers: Sequence[Answer]) -> None:
        player.take_tokens(answers)
        _draw(player, len(answers))

    return [
        dataclasses.replace(operation, take=take) if operation.name == "code" else operation for operation in OPERATIONS
    ]


def _draw(player: Player, count: int) -> None:
    stock = player.facts.stock
    player.tokens = list(stock[:count])
    player.facts = dataclasses.replace(player.facts, stock=stock[count:])


def _costs(sizes: Sequence[int], results: Results) -> str:
    first, last = (f"ours-{size}" for size in (sizes[0], sizes[-1]))
    lines = [
        (
            f"CPU in ms, server + PostgreSQL, medians of {completed_rounds(results)} interleaved rounds without errors "
            "· p50 · p99 in ms over all of them."
        ),
        "",
        "| | "
        + " | ".join(f"{size:,} grants" for size in sizes)
        + f" | {sizes[-1]:,} to {sizes[0]:,}; at most {FLATNESS} |",
        "| --- |" + " ---: |" * len(sizes) + " --- |",
    ]
    for operation in OPERATIONS:
        cells = [
            f"{(series := results[f'ours-{size}'][operation.name]).server_ms:.2f} + {series.database_ms:.2f} · "
            f"{series.latency_ms(0.5):.1f} · {series.latency_ms(0.99):.1f}"
            for size in sizes
        ]
        ratio = paired_ratio(results, last, first, operation.name)
        verdict = f"{'met' if ratio <= FLATNESS else '**not met**'}: {ratio:.2f}"
        lines.append(f"| {operation.title} | " + " | ".join(cells) + f" | {verdict} |")
    return "\n".join(lines)


def _bytes(server: Postgres, stages: Sequence[Stage], sizes: Sequence[int]) -> str:
    lines = [
        "Of the table of grants as it was loaded; consents and users, which outlive them, are not counted.",
        "",
        "| grants | table | indexes | bytes a grant |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for stage, size in zip(stages, sizes, strict=True):
        with _database(server, stage) as connection:
            table, indexes = (bulk.size(connection, kind=kind) for kind in ("table", "indexes"))
        lines.append(
            f"| {size:,} | {table / 2**20:,.1f} MiB | {indexes / 2**20:,.1f} MiB | {(table + indexes) / size:.0f} |"
        )
    return "\n".join(lines)


def _refreshes(server: Postgres, stage: Stage, refreshes: int, *, size: int) -> str:
    player = stage.player
    count = min(REFRESHED, refreshes, len(player.facts.stock))
    _draw(player, count)
    with _database(server, stage) as connection:
        connection.execute("VACUUM")
        rows, before, updates_before = bulk.rows(connection), bulk.size(connection), bulk.updates(connection)
        started_at, sent, halfway = time.monotonic(), 0, 0
        with connected(player.port, connections=CONNECTIONS) as load:
            while sent < refreshes:
                answers, _ = load.send(player.refresh(count))
                player.take_tokens(answers)
                sent += count
                if not halfway and 2 * sent >= refreshes:
                    halfway = bulk.size(connection)
        took = time.monotonic() - started_at
        after = bulk.size(connection)
        updates, hot = (now - then for now, then in zip(bulk.updates(connection), updates_before, strict=True))
        added = {table: count - rows[table] for table, count in bulk.rows(connection).items() if count != rows[table]}
    growth = ", ".join(f"{count:+,} in {table}" for table, count in added.items()) or "none in any table"
    return (
        f"{sent:,} refreshes of {count:,} of {size:,} connections, in {took:,.0f} s. Rows added: **{growth}**.\n"
        f"Table and indexes of the grants grew by {_kib(halfway - before)} in the first half and by {_kib(after - halfway)} in "
        f"the second, from {_kib(before)}; {100 * hot / max(updates, 1):.1f} % of the updates touched no index (HOT)."
    )


def _kib(size: int) -> str:
    return f"{size / 1024:,.0f} KiB"


def _sweep(server: Postgres, stage: Stage, results: Results, *, size: int) -> str:
    player = stage.player
    with _database(server, stage) as connection:
        bulk.bury(connection, BACKLOG)
        requests, seconds = _sweep_by_requests(connection, player)
        issued = results[stage.subject.name]["code"].per_second
        by_requests = BACKLOG / seconds
        bulk.bury(connection, BACKLOG)
        started_at = time.monotonic()
        command = [sys.executable, "manage.py", "purge"]
        subprocess.run(command, cwd=ROOT, env=stage.env, check=True, capture_output=True)
        by_command = BACKLOG / (time.monotonic() - started_at)
        left = bulk.unswept(connection)
    return "\n".join(
        [
            f"{BACKLOG:,} dead grants among {size:,} live ones.",
            "",
            "| | rows a second | to the rate at which this worker issues |",
            "| --- | ---: | ---: |",
            f"| riding on {requests:,} refreshes | {by_requests:,.0f} | {by_requests / issued:.1f} |",
            f"| `manage.py purge`, its start included | {by_command:,.0f} | {by_command / issued:.1f} |",
            "",
            f"Dead rows left: {left}.",
        ]
    )


def _sweep_by_requests(connection: psycopg.Connection, player: Player) -> tuple[int, float]:
    # A worker looks for dead rows once a minute. Once it has found some, it deletes with every request until none are
    # left.
    requests, started_at = 0, 0.0
    deadline = time.monotonic() + 600
    tokens = player.facts.stock[:CONNECTIONS]
    player.tokens = list(tokens)
    while (left := bulk.unswept(connection)) and time.monotonic() < deadline:
        if left < BACKLOG and not started_at:
            requests, started_at = 0, time.monotonic()
        with connected(player.port, connections=CONNECTIONS) as load:
            answers, _ = load.send(player.refresh(CONNECTIONS))
        player.take_tokens(answers)
        requests += CONNECTIONS
        if not started_at:
            time.sleep(0.2)
    return requests, time.monotonic() - started_at


def _database(server: Postgres, stage: Stage) -> psycopg.Connection:
    return server.connect(stage.env["PGDATABASE"])
