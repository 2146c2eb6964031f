"""The CPU time that the benchmarks read from the kernel."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.processes import cpu_seconds

BURNT_SECONDS = 0.3
BURN = f"""
import threading, time

def burn():
    end = time.thread_time() + {BURNT_SECONDS}
    while time.thread_time() < end:
        pass
"""
WAIT = """
print("done", flush=True)
input()
"""


@contextmanager
def running(code: str) -> Iterator[int]:
    """The process id of a Python program that has done all of it and waits."""
    command = [sys.executable, "-c", BURN + code + WAIT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        yield process.pid
        process.stdin.write(b"\n")


def test_a_thread_that_has_ended_is_counted() -> None:
    """A server that answers each request in a thread of its own would seem to cost nothing."""
    with running("thread = threading.Thread(target=burn); thread.start(); thread.join()") as pid:
        assert cpu_seconds(pid) >= BURNT_SECONDS


def test_a_thread_that_runs_is_counted_once() -> None:
    """The whole process and its threads are not added up."""
    code = "threading.Thread(target=lambda: (burn(), time.sleep(60)), daemon=True).start(); time.sleep(1)"
    with running(code) as pid:
        assert BURNT_SECONDS <= cpu_seconds(pid) < 2 * BURNT_SECONDS


def test_a_child_that_has_ended_is_counted() -> None:
    """A worker that was replaced has cost what it has cost."""
    with running("import os; pid = os.fork(); pid or (burn(), os._exit(0)); os.waitpid(pid, 0)") as pid:
        assert cpu_seconds(pid) >= BURNT_SECONDS - 0.02  # the kernel's ticks


def test_a_process_that_does_not_exist_costs_nothing() -> None:
    """A process may end between the listing and the reading."""
    with running("") as pid:
        pass
    assert cpu_seconds(pid) == 0.0
