"""Requests of programs, and their parameters (RFC 6749 sections 3.1, 3.2 and Appendix B)."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, UnreadablePostError
from django.http.request import RawPostDataException
from django.utils.http import parse_header_parameters

from .. import conf
from ..protocol.errors import InvalidRequest, LengthRequired, RequestTooLarge
from ..protocol.forwarded import client_address
from ..protocol.parameters import Parameters, from_form, from_json, refuse_secrets
from ..values import value_class

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
# Key in a WSGI environ: the database failure that this request has already waited for.
FAILED_BEFORE = "oauth_service.failed_before"


def _no_host() -> str:
    return ""


def _no_body(_limit: int) -> bytes:
    return b""


@value_class(kw_only=True, repr=False)
class ProgramRequest:
    """
    A request to an endpoint for programs, from Django's handler or from oauth_service.wsgi.

    Attributes:
        query_string: one character per octet, as in a WSGI environ.
        authorization, accept, content_type, content_length: headers; "" if absent.
        address: the client's, behind trusted proxies.
        get_host: may raise DisallowedHost.
        read: takes the most octets that are wanted. A body without a Content-Length may be one octet longer, to
        show that it
            is too long.
    """

    method: str
    path: str
    query_string: str = ""
    authorization: str = ""
    accept: str = ""
    content_type: str = ""
    content_length: str = ""
    address: str = ""
    request_id: str = ""
    scheme: str = ""
    get_host: Callable[[], str] = _no_host
    read: Callable[[int], bytes] = _no_body

    @classmethod
    def of(cls, request: HttpRequest) -> "ProgramRequest":
        """Take the needed parts from Django's request."""
        return cls.from_environ(
            request.META,
            path=request.path,
            query_string=_octets_of_query(request),
            scheme=request.scheme or "",
            get_host=request.get_host,
            read=partial(_body_of, request),
        )

    @classmethod
    def from_environ(
        cls,
        environ: Mapping[str, Any],
        *,
        path: str,
        read: Callable[[int], bytes],
        query_string: str = "",
        scheme: str = "",
        get_host: Callable[[], str] = _no_host,
    ) -> "ProgramRequest":
        """Take the needed parts from a WSGI environ (PEP 3333)."""
        get = environ.get
        return cls(
            method=get("REQUEST_METHOD", ""),
            path=path,
            query_string=query_string or get("QUERY_STRING", ""),
            authorization=get("HTTP_AUTHORIZATION", ""),
            accept=get("HTTP_ACCEPT", ""),
            content_type=get("CONTENT_TYPE", ""),
            content_length=get("CONTENT_LENGTH", ""),
            address=address_of(environ),
            request_id=get(conf.request_id_key(), ""),
            scheme=scheme,
            get_host=get_host,
            read=read,
        )


def address_of(environ: Mapping[str, Any]) -> str:
    """Client address of a WSGI environ or Django's META, behind trusted proxies."""
    peer: str = environ.get("REMOTE_ADDR", "")
    if not (forwarded_for := environ.get("HTTP_X_FORWARDED_FOR", "")):
        return peer
    return client_address(peer, forwarded_for, conf.trusted_proxies())


def query_parameters(request: ProgramRequest | HttpRequest) -> Parameters:
    """
    Parameters in the URL.

    Raises:
        InvalidRequest: not UTF-8, a NUL byte, or too many.
    """
    text = request.query_string if isinstance(request, ProgramRequest) else _octets_of_query(request)
    return from_form(text.encode("latin-1"))


def body_parameters(request: ProgramRequest) -> Parameters:
    """
    Parameters in the body: a form (RFC 6749 Appendix B) or one flat JSON object of strings.

    Raises:
        RequestTooLarge: longer than OAUTH_SERVICE_REQUEST_BODY_LIMIT.
        LengthRequired: no Content-Length, and the server does not mark the end of the body.
        InvalidRequest: another content type, malformed, cut short, or a secret in the URL.
    """
    body = _body(request)
    content_type = _content_type(request, (JSON, FORM))
    if content_type == JSON:
        return from_json(body)
    if content_type == FORM or (not body and content_type is not None):
        return from_form(body)
    raise InvalidRequest(f"the Content-Type must be {FORM} or {JSON}", detail=f"{request.content_type[:100]!r}")


def json_body(request: ProgramRequest) -> bytes:
    """
    Body of a request whose parameters are JSON of any depth.

    Raises:
        RequestTooLarge, LengthRequired: as body_parameters().
        InvalidRequest: another content type, cut short, or a secret in the URL.
    """
    body = _body(request)
    if _content_type(request, (JSON,)) != JSON:
        raise InvalidRequest(f"the Content-Type must be {JSON}", detail=f"{request.content_type[:100]!r}")
    return body


def _body(request: ProgramRequest) -> bytes:
    if request.query_string:
        refuse_secrets(query_parameters(request))
    limit = conf.REQUEST_BODY_LIMIT()
    if not (length := request.content_length or "0").isdecimal():
        raise InvalidRequest("the Content-Length is not a number")
    if len(length) > len(str(limit)) or int(length) > limit:  # int() refuses thousands of digits
        raise RequestTooLarge(f"the body is longer than {limit} bytes")
    try:
        body = request.read(limit)
    except RequestDataTooBig as cause:
        most: Any = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if most is not None and most >= limit:
            raise RequestTooLarge(f"the body is longer than {limit} bytes") from cause
        raise RequestTooLarge("the body is longer than DATA_UPLOAD_MAX_MEMORY_SIZE") from cause
    except UnreadablePostError as cause:
        raise InvalidRequest(
            "the body could not be read", detail=f"the connection was closed early: {cause}"
        ) from cause
    except RawPostDataException as cause:  # Django's CSRF check has read a multipart form to find its token
        raise InvalidRequest(f"the Content-Type must be {FORM} or {JSON}") from cause
    if len(body) > limit:
        raise RequestTooLarge(f"the body is longer than {limit} bytes")
    if len(body) < int(length):  # some servers pass on the part that came before the connection broke off
        raise InvalidRequest("the body could not be read", detail=f"only {len(body)} of {length} bytes arrived")
    return body


def _content_type(request: ProgramRequest, wanted: tuple[str, ...]) -> str | None:
    """Media type of the body; None if it is malformed. A wanted type must be in UTF-8."""
    content_type, options = request.content_type, dict[str, str]()
    if content_type in wanted:
        return content_type
    if "*" in content_type:  # an RFC 2231 parameter: HTTP has none here, and releases of Django read it differently
        return None
    try:
        content_type, options = parse_header_parameters(content_type)
    except ValueError:
        return None
    if content_type in wanted and options.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise InvalidRequest("the charset must be UTF-8")
    return content_type


def read_unmeasured(environ: Mapping[str, Any], limit: int) -> bytes:
    """
    Read a body without a Content-Length, which the WSGI server has joined from its chunks (RFC 9112 section 7.1).

    Args:
        limit: most octets that are wanted; one more is read, to detect a longer body.

    Raises:
        LengthRequired: the server does not mark the end of its input, so that reading might block for ever.
        RequestDataTooBig: longer than DATA_UPLOAD_MAX_MEMORY_SIZE.
        UnreadablePostError: the connection broke off.
    """
    if not environ.get("wsgi.input_terminated"):
        if environ.get("HTTP_TRANSFER_ENCODING"):
            raise LengthRequired("the body must have a Content-Length")
        return b""
    most: Any = settings.DATA_UPLOAD_MAX_MEMORY_SIZE  # None: no limit
    parts: list[bytes] = []
    room = limit + 1
    try:
        while room and (part := environ["wsgi.input"].read(room)):
            parts.append(part)
            room -= len(part)
    except OSError as cause:
        raise UnreadablePostError(*cause.args) from cause
    body = b"".join(parts)
    if most is not None and len(body) > most:
        raise RequestDataTooBig
    return body


def _body_of(request: HttpRequest, limit: int) -> bytes:
    if request.META.get("CONTENT_LENGTH"):
        return request.body
    if "wsgi.input" in request.META:
        # Django treats a body without a length as empty.
        return read_unmeasured(request.META, limit)
    return request.read(limit + 1)  # ASGI: the body is in a file by now, however long it is


def _octets_of_query(request: HttpRequest) -> str:
    text: str = request.META.get("QUERY_STRING", "")
    # ASGI has octets, which Django decodes as UTF-8.
    return text if "wsgi.input" in request.META else text.encode().decode("latin-1")
