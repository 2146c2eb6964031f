"""
The one guarded fetch, used for every request to a URL that somebody else chose.

https only. Every address that the name resolves to is checked, and the connection goes to a checked address, so a name
that resolves differently a moment later leads nowhere else. No redirects, no proxy from the environment, and one
deadline and one size limit for the whole request.
"""

import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpcore

from .. import conf
from ..protocol import address

DEADLINE_SECONDS = 5.0
MOST_BYTES = 64 * 1024


class FetchFailed(Exception):
    """
    The request got no usable response.

    Args:
        detail: for the operator's log; contains no body and no secret.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Response:
    """A response. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def fetch(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    most_bytes: int = MOST_BYTES,
    deadline: float = DEADLINE_SECONDS,
) -> Response:
    """
    Send one request.

    Args:
        deadline: seconds for the whole request, except for name resolution.

    Raises:
        FetchFailed: the URL or an address is not allowed, the connection failed, the certificate is not valid, or the
            response is too long or too late.
    """
    if fault := fault_of(url):
        raise FetchFailed(f"{url[:200]!r} {fault}")
    until = time.monotonic() + deadline
    sent = {"User-Agent": "oauth-service", "Accept": "application/json", **(headers or {})}
    try:
        with (
            httpcore.ConnectionPool(
                ssl_context=ssl.create_default_context(), network_backend=_Judging(until), http2=False, retries=0
            ) as pool,
            pool.stream(method, url, headers=list(sent.items()), content=body) as response,
        ):
            received = _read(response.iter_stream(), most_bytes=most_bytes)
            names = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            return Response(response.status, names, received)
    except (
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.TimeoutException,
        httpcore.UnsupportedProtocol,
    ) as cause:
        raise FetchFailed(f"{urlsplit(url).netloc}: {type(cause).__name__}: {cause}") from cause
    except (OSError, UnicodeError) as cause:  # includes ssl.SSLError and errors of the resolver
        raise FetchFailed(f"{urlsplit(url).netloc}: {cause}") from cause


def fault_of(url: str) -> str:
    """Return why a URL cannot be fetched, regardless of its addresses; "" if it can."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "is not a valid URL"
    if parts.scheme != "https" and not (parts.scheme == "http" and conf.OUTBOUND_LOOPBACK()):
        return "is not https"
    if not host or parts.username is not None or not url.isprintable() or port == 0:
        return "has no host, or contains user information"
    if not url.isascii():
        return "has characters that no URI has"
    return ""


class _Judging(httpcore.NetworkBackend):
    """A network backend that checks an address before connecting to it."""

    def __init__(self, until: float) -> None:
        self._until = until
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        found = dict.fromkeys(str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        if not found or not all(map(_is_allowed, found)):
            # Check all of them, not only the one that is tried: a name with one private address among others is an
            # attack.
            raise httpcore.ConnectError(f"{host} resolves to an address that is not public")
        failure: Exception = httpcore.ConnectError(f"{host} cannot be reached")
        for each in found:
            left = self._until - time.monotonic()
            if left <= 0:
                raise httpcore.ConnectTimeout("the deadline has passed")
            try:
                return _Timed(self._backend.connect_tcp(each, port, timeout=left), self._until)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as cause:
                failure = cause
        raise failure

    def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        raise httpcore.ConnectError("sockets are not fetched")

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class _Timed(httpcore.NetworkStream):
    """
    A connection with one deadline. With a timeout for each read alone, an origin could send a byte now and then for
    ever.
    """

    def __init__(self, stream: httpcore.NetworkStream, until: float) -> None:
        self._stream = stream
        self._until = until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(httpcore.WriteTimeout))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._left(httpcore.ConnectTimeout)
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, left), self._until)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _left(self, too_late: type[httpcore.TimeoutException]) -> float:
        if (left := self._until - time.monotonic()) <= 0:
            raise too_late("the deadline has passed")
        return left


def _is_allowed(text: str) -> bool:
    return address.is_public(text) or (conf.OUTBOUND_LOOPBACK() and address.is_loopback(text))


def _read(chunks: Iterable[bytes], *, most_bytes: int) -> bytes:
    received = bytearray()
    for chunk in chunks:
        received += chunk
        if len(received) > most_bytes:
            raise FetchFailed(f"the answer is longer than {most_bytes} bytes")
    return bytes(received)
