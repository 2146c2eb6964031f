"""Logging of the server's site: text for a terminal, or one JSON object a line for machines."""

import json
import logging
from typing import Any

from django.http import HttpRequest
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.orjson import OrjsonFormatter


class ReferenceFilter(logging.Filter):
    """Adds the reference of the current request to every log record, whichever logger writes it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the record pass, with `reference` if there is a request."""
        from oauth_service import signals

        served = signals.current_request()
        if served.endpoint and not hasattr(record, "reference"):
            record.reference = served.reference
        elif isinstance(
            request := getattr(record, "request", None), HttpRequest
        ):  # Django's own, outside our endpoints
            record.reference = request.META.get("HTTP_X_REQUEST_ID", "")
        return True


class ThreadsFilter(logging.Filter):
    """Drops granian's warning of many threads: nearly all of them only wait (config/server/desk.py)."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every other record pass."""
        return "Python threads, which seems quite high" not in record.getMessage()


class JsonFormatter(OrjsonFormatter):
    """
    Writes one JSON object a line. Falls back to json, because orjson refuses lone surrogates and numbers of more than 64 bits.
    """

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """The text of one record."""
        try:
            return super().jsonify_log_record(log_data)
        except TypeError:
            return json.dumps(log_data, default=str)


TEXT = {"format": "{asctime} {levelname} {name} {message}", "style": "{"}
JSON = {
    "()": JsonFormatter,
    "fmt": ["levelname", "name", "message"],
    "rename_fields": {"levelname": "level", "name": "logger"},
    "timestamp": "time",
    # Attributes that Django's handlers use; the repr of a request includes its query.
    "reserved_attrs": [*RESERVED_ATTRS, "request", "server_time"],
}


def as_text() -> dict[str, Any]:
    """Django's LOGGING for development; Django's own loggers stay as they are."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": TEXT},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "loggers": {"oauth_service": {"handlers": ["console"], "level": "INFO", "propagate": True}},
    }


def as_json() -> dict[str, Any]:
    """Django's LOGGING for production: everything on standard error, one object a line."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"reference": {"()": ReferenceFilter}, "threads": {"()": ThreadsFilter}},
        "formatters": {"json": JSON},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["reference"]}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "oauth_service": {"level": "INFO"},
            # Django logs every 4xx with its path. The reason of our refusals is in a line of oauth_service already.
            "django.request": {"level": "ERROR"},
            "_granian": {"level": "INFO", "filters": ["threads"]},
        },
    }
