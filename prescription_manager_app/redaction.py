"""What must not be in a log: the authorization code in the address of the callback."""

import logging
import re

QUERY_OF_CALLBACK = re.compile(r"(/callback/?)\?\S*")


class CallbackQueryFilter(logging.Filter):
    """Leave out the query of every callback that the development server's log line mentions."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                QUERY_OF_CALLBACK.sub(r"\1?...", arg) if isinstance(arg, str) else arg for arg in record.args
            )
        return True
