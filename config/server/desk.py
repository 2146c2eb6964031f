"""
Requests are received whole before one of the threads that work is taken.

The server below hands a request over when its head has come. A thread that then waits for the body is lost for as long as the
client likes, and with a few such clients the worker is. Here threads that only wait receive the body; there is one for each
connection (granian starts them as they are needed), and a few others do the work.
"""

import threading
from collections.abc import Callable, Collection, Iterable
from io import BytesIO
from queue import SimpleQueue
from typing import Any

from config.server.proxies import Application


class Unreadable:
    """The input of a request whose body is too long to be received, or broke off."""

    def read(self, *_: object) -> bytes:
        """
        Nothing.

        Raises:
            OSError: always; Django makes an UnreadablePostError of it.
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
        application: called by the threads that work alone, but for at_once.
        threads: how many work.
        limit: octets of a body that are received at most. A longer one of known length is not received at all, and cannot be
            read; of one in chunks there is an octet more than this, for the application to tell.
        at_once: paths that are answered by the thread that received the request, whatever the others do. Nothing of a
            body is read.
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
            except BaseException as failure:  # the server below logs it, and answers 500
                task.failure = failure
            task.is_done.release()
            del task  # else the last request, and what is in it, stays until the next one


def _received(environ: dict[str, Any], limit: int) -> Any:
    stream, length = environ["wsgi.input"], environ.get("CONTENT_LENGTH")
    if not length:
        return BytesIO(stream.read(limit + 1) if environ.get("HTTP_TRANSFER_ENCODING") else b"")
    if not length.isdecimal() or len(length) > len(str(limit)) or int(length) > limit:
        return Unreadable()
    body = stream.read(int(length))
    return BytesIO(body) if len(body) == int(length) else Unreadable()


def _whole(answer: Iterable[bytes]) -> list[bytes]:
    # Not bit by bit: a client that reads slowly would hold a thread as well.
    try:
        return [b"".join(answer)]
    finally:
        if close := getattr(answer, "close", None):
            close()
