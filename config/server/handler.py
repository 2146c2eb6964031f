"""Django's WSGI handler, as the server's site runs it."""

import string
from typing import Any
from urllib.parse import quote

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters


class Request(WSGIRequest):
    """
    Django's request, with UTF-8 for the charset of every query and form, whatever Content-Type says.

    Django itself would decode the query with a charset that the body is said to have, and end in a 500 for one that it cannot
    decode text with ("hex"), or for a form that is not UTF-8 and carries a CSRF cookie; a Content-Type that it cannot read
    (RFC 2231, of an encoding that does not exist) would not even come to a view. The endpoints refuse such bodies.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        query = environ.get("QUERY_STRING", "")
        if not query.isascii():
            # Octets beyond ASCII, which Django would take for Latin-1 where it puts a URL together to come back to.
            environ["QUERY_STRING"] = quote(query.encode("latin-1"), safe=string.punctuation)
        super().__init__(environ)

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))
        except (ValueError, LookupError):  # the latter on early releases of 5.2
            self.content_type, self.content_params = "", {}


class Handler(WSGIHandler):
    """Django's handler, making requests of ours."""

    request_class = Request
