"""Django's WSGI handler, as the server's site runs it."""

from typing import Any

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest


class Request(WSGIRequest):
    """Django's request; one whose charset is a codec that decodes no text ("hex") does not end in a 500."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            super()._set_content_type_params(meta)  # type: ignore[misc]
        except LookupError:
            self._encoding = None  # as for a charset that does not exist


class Handler(WSGIHandler):
    """Django's handler, making requests of ours."""

    request_class = Request
