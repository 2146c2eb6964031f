"""Public: keeps the tests of a host project from seeing what earlier tests left in memory."""

from .clients import authentication, key_sets
from .guard import failure_counts, throttle
from .resources import remote
from .tokens import keys
from .watch import audit

__all__ = ["forget_everything"]


def forget_everything() -> None:
    """
    Clear what this process remembers: failed attempts, checked secrets, waiting audit events and signing keys.

    Call it after each test. A cache that OAUTH_SERVICE_THROTTLE_CACHE names keeps its counts: clear it, too.
    """
    audit.forget()
    authentication.forget_secrets()
    failure_counts.forget_all()
    throttle.forget_failed_checks()
    keys.forget()
    key_sets.forget()
    remote.forget()
