"""Servers that a program starts as child processes, and ends."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

START_SECONDS = 60
STOP_SECONDS = 10


def is_listening(port: int, *, host: str = "127.0.0.1") -> bool:
    """Return whether something on this machine listens on the port."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def child_process(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], output: IO[Any] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """
    Run a program until the block ends. It gets a process group, and its workers or reloader end with it.

    Args:
        output: file for its standard output and error; by default it shares those of the caller.
    """
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def starts_listening(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until a program listens on its port; return False if it ends first or needs more than START_SECONDS."""
    deadline = time.monotonic() + START_SECONDS
    while not is_listening(port):
        if process.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
