"""python -m benchmarks RUN -- measure, and write the results into benchmarks/results/; --help lists the runs."""

import argparse
import dataclasses
import shlex
import sys
from pathlib import Path

from . import measure, picture, report, scale, surroundings, trail, versions
from .operations import APIS, CONNECTED, MACHINES, Operation
from .subjects import (
    BARE_DJANGO,
    BARE_WSGI,
    NODE_MEMORY,
    NODE_MEMORY_OPENID,
    NODE_POSTGRES,
    NODE_POSTGRES_OPENID,
    OURS,
    OURS_APIS,
    OURS_ES256,
    OURS_RS256,
    TOOLKIT,
    TOOLKIT_APIS,
    TOOLKIT_CHEAPEST,
    TOOLKIT_OPENID,
    Subject,
)

RESULTS = Path(__file__).resolve().parent / "results"


def main() -> int:
    """Run what the command line asks for."""
    runs = {"machines": _machines, "apis": _apis, "scale": _scale, "trail": _trail, "versions": _versions}
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("run", choices=["quick", "full", *runs])
    parser.add_argument(
        "--only", nargs="+", metavar="SUBJECT", help="leave the others out, but for ours; nothing is written"
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, help="no further round begins after that")
    parser.add_argument("--window", type=int, default=200, help="requests in a window of the fastest subjects")
    parser.add_argument("--sizes", type=_numbers, default="10000,1000000,10000000", help="live grants, of scale")
    parser.add_argument("--refreshes", type=int, default=1_000_000, help="of scale")
    parser.add_argument("--events", type=int, default=4_000_000, help="of trail")
    parser.add_argument("--before", metavar="COMMIT", default="HEAD", help="the older one, of versions")
    parser.add_argument("--entries", nargs="+", choices=list(versions.ENTRIES), default=list(versions.ENTRIES))
    parser.add_argument(
        "--instructions", action="store_true", help="versions under valgrind, instead of their CPU time"
    )
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    runs.get(options.run, _side_by_side)(options)
    return 0


def _side_by_side(options: argparse.Namespace) -> None:
    is_quick = options.run == "quick"
    openid = [OURS_ES256, OURS_RS256, TOOLKIT_OPENID]
    subjects = _ours() + (
        [BARE_DJANGO, TOOLKIT_CHEAPEST, *openid]
        if is_quick
        else [
            *(BARE_DJANGO, BARE_WSGI, NODE_MEMORY, NODE_POSTGRES, TOOLKIT_CHEAPEST, TOOLKIT),
            *(*openid, NODE_MEMORY_OPENID, NODE_POSTGRES_OPENID),
        ]
    )
    if options.only:
        subjects = [subject for subject in subjects if subject is OURS or subject.name in options.only]
    seconds = options.seconds or (100 if is_quick else 900)
    results, postgres = measure.run(subjects, window=options.window, rounds=options.rounds, seconds=seconds)
    title = "Benchmark, quick" if is_quick else "Benchmark"
    name = "quick" if is_quick else "full"
    page = report.markdown(
        title,
        subjects,
        results,
        surroundings=surroundings.lines(subjects, postgres=postgres),
        picture=f"{name}.svg",
    )
    print(page)
    if not options.only:
        (RESULTS / f"{name}.md").write_text(page)
        (RESULTS / f"{name}.svg").write_text(picture.svg("CPU a request", subjects, results))


def _machines(options: argparse.Namespace) -> None:
    _with_apis(options, "machines", "Benchmark, services and APIs", MACHINES)


def _apis(options: argparse.Namespace) -> None:
    _with_apis(options, "apis", "Benchmark, the same API written with each kit", APIS)


def _with_apis(options: argparse.Namespace, name: str, title: str, operations: tuple[Operation, ...]) -> None:
    subjects = [*OURS_APIS, TOOLKIT_APIS]
    if options.only:
        subjects = [subject for subject in subjects if subject is subjects[0] or subject.name in options.only]
    results, postgres = measure.run(
        subjects,
        window=options.window,
        rounds=options.rounds,
        seconds=options.seconds or 300,
        operations=operations,
        beforehand=CONNECTED,
    )
    page = report.markdown(
        title,
        subjects,
        results,
        surroundings=surroundings.lines(subjects, postgres=postgres),
        picture=f"{name}.svg",
        operations=operations,
        base=subjects[0].name,
        targets=(),
    )
    print(page)
    if not options.only:
        (RESULTS / f"{name}.md").write_text(page)
        (RESULTS / f"{name}.svg").write_text(picture.svg("CPU a request", subjects, results, operations))


def _scale(options: argparse.Namespace) -> None:
    parts, postgres = scale.run(
        sizes=options.sizes,
        refreshes=options.refreshes,
        window=options.window,
        rounds=options.rounds,
        seconds=options.seconds or 600,
    )
    page = report.page("Ours at scale", surroundings.lines([OURS], postgres=postgres), parts)
    print(page)
    (RESULTS / "scale.md").write_text(page)


def _trail(options: argparse.Namespace) -> None:
    parts, postgres = trail.run(events=options.events)
    page = report.page("The pages of a long audit trail", surroundings.lines([OURS], postgres=postgres), parts)
    print(page)
    (RESULTS / "trail.md").write_text(page)


def _versions(options: argparse.Namespace) -> None:
    if options.instructions:
        parts, postgres = versions.instructions(options.before, entries=options.entries)
    else:
        parts, postgres = versions.cpu_and_statements(
            options.before,
            entries=options.entries,
            window=options.window,
            rounds=options.rounds,
            seconds=options.seconds or 600,
        )
    command = f"- command: `python -m benchmarks {shlex.join(sys.argv[1:])}`"
    about = [
        command,
        f"- before: {surroundings.commit(options.before)}",
        *surroundings.lines([OURS], postgres=postgres),
    ]
    page = report.page("Ours, before and after", about, parts)
    print(page)
    (RESULTS / ("instructions.md" if options.instructions else "versions.md")).write_text(page)


def _numbers(text: str) -> list[int]:
    return sorted(int(word) for word in text.split(","))


def _ours() -> list[Subject]:
    django = dataclasses.replace(
        OURS, name="ours-django", title="oauth_service, through Django", env=OURS.env | {"SERVE_DIRECT": "0"}
    )
    return [OURS, django]


if __name__ == "__main__":
    sys.exit(main())
