"""
A WSGI application that receives each request whole before a worker thread handles it.

Granian calls the application as soon as the head of a request has arrived. A worker thread that waited for the body
would be lost for as long as the client likes, and a few such clients would stop the process. So separate threads
receive the bodies, one per connection (granian starts them as needed), and a few worker threads handle the requests.
"""

import threading
from collections.abc import Callable, Collection, Iterable
from io import BytesIO
from queue import SimpleQueue
from typing import Any

from config.server.proxies import Application


class Unreadable:
    """Input of a request whose body is too long, or ended early."""

    def read(self, *_: object) -> bytes:
        """
        Fail.

        Raises:
            OSError: always; Django turns it into an UnreadablePostError.
        """
        raise OSError("the body is too long, or broke off")

    readline = readlines = __iter__ = read


class _Task:
    __slots__ = ("answer", "environ", "failure", "is_done", "start_response")

    def __init__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> None:
        self.environ, self.start_response = environ, start_response
        self.answer: list[bytes] = []
        self.failure: BaseException | None = None
        self.is_done = threading.Lock()
        self.is_done.acquire()


class Desk:
    """
    A WSGI application in front of another one.

    Args:
        application: called by the worker threads only, except for the paths in at_once.
        threads: number of worker threads.
        limit: most octets of a body that are received. A body with a greater Content-Length is not received and
        cannot be
            read. Of a chunked body one octet more is received, so that the application can tell that it is too long.
        at_once: paths that the receiving thread answers itself, however busy the workers are. Their bodies are not
        read.
    """

    def __init__(self, application: Application, *, threads: int, limit: int, at_once: Collection[str] = ()) -> None:
        self._application = application
        self._limit = limit
        self._at_once = frozenset(at_once)
        self._tasks: SimpleQueue[_Task] = SimpleQueue()
        for number in range(threads):
            threading.Thread(target=self._work, name=f"work-{number}", daemon=True).start()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        if environ["PATH_INFO"] in self._at_once:
            environ["wsgi.input"] = BytesIO()
            return _whole(self._application(environ, start_response))
        environ["wsgi.input"] = _received(environ, self._limit)
        task = _Task(environ, start_response)
        self._tasks.put(task)
        task.is_done.acquire()
        if task.failure:
            raise task.failure
        return task.answer

    def _work(self) -> None:
        while True:
            task = self._tasks.get()
            try:
                task.answer = _whole(self._application(task.environ, task.start_response))
            except BaseException as failure:  # granian logs it and answers 500
                task.failure = failure
            task.is_done.release()
            del task  # otherwise the last request, with its secrets, stays in memory until the next one


def _received(environ: dict[str, Any], limit: int) -> Any:
    stream, length = environ["wsgi.input"], environ.get("CONTENT_LENGTH")
    if not length:
        return BytesIO(stream.read(limit + 1) if environ.get("HTTP_TRANSFER_ENCODING") else b"")
    if not length.isdecimal() or len(length) > len(str(limit)) or int(length) > limit:
        return Unreadable()
    body = stream.read(int(length))
    return BytesIO(body) if len(body) == int(length) else Unreadable()


def _whole(answer: Iterable[bytes]) -> list[bytes]:
    # Joined: a client that reads slowly must not hold a worker thread.
    try:
        return [b"".join(answer)]
    finally:
        if close := getattr(answer, "close", None):
            close()
