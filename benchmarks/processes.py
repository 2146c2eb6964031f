"""Processes that a run starts, and the CPU time of process trees (Linux: /proc)."""

import contextlib
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from config.processes import child_process, starts_listening

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(root: int) -> float:
    """
    User and system time of a process and all its descendants, including those that have ended.

    Running processes are read in nanoseconds, from the scheduler; ended ones in the kernel's ticks.
    """
    children: dict[int, list[int]] = {}
    reaped: dict[int, float] = {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                # The name in brackets may hold anything; numbers follow it.
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
                reaped[int(entry.name)] = (int(fields[13]) + int(fields[14])) / TICKS
    total, tree = 0.0, [root]
    while tree:
        pid = tree.pop()
        tree += children.get(pid, [])
        total += reaped.get(pid, 0.0)
        for task in (PROC / str(pid) / "task").glob("*/schedstat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total += int(task.read_text().split()[0]) / 1e9
    return total


def free_port() -> int:
    """A free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(command: Sequence[str], *, cwd: Path, env: Mapping[str, str], port: int, log: Path) -> Iterator[int]:
    """
    Run a server until the block ends.

    Args:
        log: file for its standard output and error.

    Yields:
        its process id, once it accepts connections.

    Raises:
        RuntimeError: it ended, or did not listen in time; the message has its log.
    """
    with log.open("wb") as output, child_process(command, cwd=cwd, env=env, output=output) as process:
        if not starts_listening(process, port):
            raise RuntimeError(f"{' '.join(command)} did not start:\n{log.read_text(errors='replace')[-4000:]}")
        yield process.pid
