"""
A deadline for answers: a connection on which nothing was sent for too long is closed.

No server for WSGI that we know has a deadline for bodies. The kernel knows of each connection when the last octet was sent on it,
or when it was accepted (tcp(7), TCP_INFO). A client that sends its request bit by bit, or none, cannot change that moment.
Linux only; elsewhere nothing is closed.
"""

import os
import socket
import stat
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

# struct tcp_info of linux/tcp.h, up to tcpi_last_data_sent: milliseconds ago.
_LAST_DATA_SENT = struct.Struct("=44xI")
_DESCRIPTORS = Path("/proc/self/fd")


def keep(port: int, seconds: float) -> None:
    """Close silent connections of this process from now on, in a thread of its own, a second late at most."""
    if sys.platform != "linux":
        return
    pause = threading.Event()

    def watch() -> None:
        while not pause.wait(min(1, seconds / 2)):
            close_silent(port, seconds)

    threading.Thread(target=watch, name="deadline", daemon=True).start()


def close_silent(port: int, seconds: float) -> None:
    """Close the connections to a port of this process on which nothing was sent for so many seconds."""
    for connection in _connections(port):
        with connection, suppress(OSError):
            if _silent_for(connection) > seconds:
                # What waits for a body is told that none will come; the server below then closes its own descriptor.
                connection.shutdown(socket.SHUT_RDWR)


def _silent_for(connection: socket.socket) -> float:
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA_SENT.size)
    milliseconds: int = _LAST_DATA_SENT.unpack(told)[0]
    return milliseconds / 1000


def _connections(port: int) -> Iterator[socket.socket]:
    for descriptor in [int(path.name) for path in _DESCRIPTORS.iterdir()]:
        with suppress(OSError):  # closed meanwhile
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode) and (found := _connection(os.dup(descriptor), port)):
                yield found


def _connection(descriptor: int, port: int) -> socket.socket | None:
    """The connection behind a descriptor, which belongs to it then. Of a copy nobody else can make another one meanwhile."""
    try:
        found = socket.socket(fileno=descriptor)
    except OSError:
        os.close(descriptor)
        return None
    try:
        if found.family in (socket.AF_INET, socket.AF_INET6) and found.type == socket.SOCK_STREAM:
            found.getpeername()  # one that only listens has none
            if found.getsockname()[1] == port:
                return found
    except OSError:
        pass
    found.close()
    return None
