"""
A deadline for responses: connections on which nothing was sent for too long are closed.

WSGI servers have no deadline for receiving a request body. The kernel knows for each connection when the last octet was
sent on it, or when it was accepted (tcp(7), TCP_INFO). A client that sends its request slowly, or not at all, cannot
change that moment.

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

# struct tcp_info of linux/tcp.h, up to tcpi_last_data_sent, which is the age in milliseconds.
_LAST_DATA_SENT = struct.Struct("=44xI")
_DESCRIPTORS = Path("/proc/self/fd")


def keep(port: int, seconds: float) -> None:
    """Start a thread that closes silent connections of this process, at most a second late."""
    if sys.platform != "linux":
        return
    pause = threading.Event()

    def watch() -> None:
        while not pause.wait(min(1, seconds / 2)):
            close_silent(port, seconds)

    threading.Thread(target=watch, name="deadline", daemon=True).start()


def close_silent(port: int, seconds: float) -> None:
    """Close this process's connections to a port on which nothing was sent for this many seconds."""
    for connection in _connections(port):
        with connection, suppress(OSError):
            if _silent_for(connection) > seconds:
                # The thread waiting for the body sees its end; the server below then closes its own descriptor.
                connection.shutdown(socket.SHUT_RDWR)


def _silent_for(connection: socket.socket) -> float:
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA_SENT.size)
    milliseconds: int = _LAST_DATA_SENT.unpack(told)[0]
    return milliseconds / 1000


def _connections(port: int) -> Iterator[socket.socket]:
    for descriptor in [int(path.name) for path in _DESCRIPTORS.iterdir()]:
        with suppress(OSError):  # closed in the meantime
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode) and (found := _connection(os.dup(descriptor), port)):
                yield found


def _connection(descriptor: int, port: int) -> socket.socket | None:
    """
    Return the connection to a port behind a descriptor, or None. The descriptor must be a copy: it is taken over or
    closed.
    """
    try:
        found = socket.socket(fileno=descriptor)
    except OSError:
        os.close(descriptor)
        return None
    try:
        if found.family in (socket.AF_INET, socket.AF_INET6) and found.type == socket.SOCK_STREAM:
            found.getpeername()  # a listening socket has no peer
            if found.getsockname()[1] == port:
                return found
    except OSError:
        pass
    found.close()
    return None
