"""Django's WSGI handler, with the requests of the server's site."""

import string
from typing import Any
from urllib.parse import quote

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters


class Request(WSGIRequest):
    """
    Django's request, with UTF-8 as the charset of every query and form, whatever Content-Type says.

    Django would decode the query with the charset that the body claims. It answers 500 if that charset is no text
    encoding ("hex"), or if a form that is not UTF-8 comes with a CSRF cookie. A malformed Content-Type (RFC 2231, with
    an unknown encoding) would not even reach a view. The endpoints refuse such bodies.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        query = environ.get("QUERY_STRING", "")
        if not query.isascii():
            # Django would read octets beyond ASCII as Latin-1 when it builds the URL to return to after sign-in.
            environ["QUERY_STRING"] = quote(query.encode("latin-1"), safe=string.punctuation)
        super().__init__(environ)

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except (ValueError, LookupError):  # LookupError: early releases of Django 5.2
            self.content_type, self.content_params = "", {}


class Handler(WSGIHandler):
    """Django's handler for such requests."""

    request_class = Request
