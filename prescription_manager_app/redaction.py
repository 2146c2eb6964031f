"""Redaction of the log: the address of the callback holds the authorization code."""

import logging
import re

QUERY_OF_CALLBACK = re.compile(r"(/callback/?)\?\S*")


class CallbackQueryFilter(logging.Filter):
    """Removes the callback's query from log lines of the development server."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                QUERY_OF_CALLBACK.sub(r"\1?...", arg) if isinstance(arg, str) else arg for arg in record.args
            )
        return True
