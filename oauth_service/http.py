"""Public: Django's error handlers in the design of our pages, for the URLs and settings of a host project."""

from .web.handlers import bad_request, csrf_failure, page_not_found, server_error

# Their names before version 0.2.
refused, missing, failed = bad_request, page_not_found, server_error

__all__ = ["bad_request", "csrf_failure", "failed", "missing", "page_not_found", "refused", "server_error"]
