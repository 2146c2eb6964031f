"""Report of a run in Markdown: CPU per request, ratios, throughput and latency, and the targets, met or not."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .measure import Results
from .operations import OPERATIONS, SCOPE, Operation
from .subjects import Subject

SECRET_CHECKED = ("code", "refresh", "revoke")
EVERY = tuple(operation.name for operation in OPERATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Required ratio of the CPU of server and database together: `other / ours >= at_least`."""

    other: str
    operations: tuple[str, ...]
    at_least: float
    words: str


TARGETS = (
    Target(other="toolkit-cheapest", operations=("code", "refresh"), at_least=12, words="12 times less"),
    Target(other="toolkit-cheapest", operations=("bearer", "authorise"), at_least=6, words="6 times less"),
    Target(other="toolkit-cheapest", operations=("revoke",), at_least=10, words="10 times less"),
    Target(other="toolkit", operations=SECRET_CHECKED, at_least=400, words="400 times less"),
    Target(other="node-postgres", operations=("code", "refresh"), at_least=2, words="2 times less"),
    Target(other="node-memory", operations=EVERY, at_least=1, words="no more"),
    Target(other="bare-django", operations=EVERY, at_least=1 / 1.6, words="no more than 1.6 times as much"),
)


def markdown(
    title: str,
    subjects: Sequence[Subject],
    results: Results,
    *,
    surroundings: list[str],
    picture: str,
    operations: Sequence[Operation] = OPERATIONS,
    base: str = "ours",
    targets: Sequence[Target] = TARGETS,
) -> str:
    """
    Page of a run of several subjects; missing operations have a dash.

    Args:
        base: the subject whose CPU the others are compared with.
    """
    of_base = base if base == "ours" else {subject.name: subject.title for subject in subjects}[base]
    parts = [
        f"![CPU a request]({picture})",
        "## CPU a request, in ms: server + PostgreSQL",
        _table(
            subjects,
            results,
            lambda name, operation: f"{(series := results[name][operation]).server_ms:.2f} + {series.database_ms:.2f}",
            operations,
        ),
        f"## Times the CPU of {of_base} (server and PostgreSQL together)",
        _table(
            subjects,
            results,
            lambda name, operation: f"{paired_ratio(results, name, base, operation):.2f}",
            operations,
        ),
        "## Requests a second, p50 and p99 in ms",
        _table(
            subjects,
            results,
            lambda name, operation: (
                f"{(series := results[name][operation]).per_second:.0f} · {series.latency_ms(0.5):.1f} · "
                f"{series.latency_ms(0.99):.1f}"
            ),
            operations,
        ),
    ]
    if targets:
        parts += ["## Targets", _targets(subjects, results, targets)]
    rounds = f"- {completed_rounds(results)} interleaved rounds, no errors; medians of the rounds"
    return page(title, [*surroundings, rounds], parts)


def page(title: str, surroundings: list[str], parts: list[str]) -> str:
    """A page of results."""
    words = "Written by `make`; [README.md](../README.md) says how it is measured and what it does not show."
    return "\n\n".join([f"# {title}", words, "\n".join(surroundings), *parts]) + "\n"


def _table(
    subjects: Sequence[Subject],
    results: Results,
    cell: Callable[[str, str], str],
    operations: Sequence[Operation],
) -> str:
    rows = [
        "| | " + " | ".join(operation.title for operation in operations) + " |",
        "| --- |" + " ---: |" * len(operations),
    ]
    for subject in subjects:
        cells = (
            cell(subject.name, operation.name) if operation.name in results[subject.name] else "—"
            for operation in operations
        )
        rows.append(f"| {subject.title} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _targets(subjects: Sequence[Subject], results: Results, targets: Sequence[Target]) -> str:
    titles = {subject.name: subject.title for subject in subjects}
    ours = [subject.name for subject in subjects if subject.is_ours and subject.scope == SCOPE]
    rows = [
        "| CPU of ours, held against | operation | asked for | " + " | ".join(ours) + " |",
        "| --- | --- | --- |" + " --- |" * len(ours),
    ]
    for target in targets:
        if target.other not in titles:
            continue
        for operation in target.operations:
            found = [_verdict(paired_ratio(results, target.other, name, operation), target) for name in ours]
            rows.append(f"| {titles[target.other]} | {operation} | {target.words} | " + " | ".join(found) + " |")
    return "\n".join(rows)


def _verdict(ratio: float, target: Target) -> str:
    times = f"{ratio:.2f} times less" if ratio >= 1 else f"{1 / ratio:.2f} times as much"
    return f"{'met' if ratio >= target.at_least else '**not met**'}: {times}"


def paired_ratio(results: Results, name: str, to: str, operation: str) -> float:
    """
    Ratio of CPU to that of `to`, server and database together.

    Computed round by round: a disturbance in a round affects both subjects.
    """
    pairs = zip(results[name][operation].windows, results[to][operation].windows, strict=True)
    return statistics.median(window.cpu / other.cpu for window, other in pairs)


def completed_rounds(results: Results) -> int:
    """Number of rounds behind every figure."""
    return min(len(series.windows) for operations in results.values() for series in operations.values())
