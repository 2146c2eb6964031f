"""Public: what the tests of a host project call, so that no test meets what another has left in memory."""

from .clients import authentication, key_sets
from .guard import failure_counts, throttle
from .resources import remote
from .tokens import keys
from .watch import audit

__all__ = ["forget_everything"]


def forget_everything() -> None:
    """
    Forget what this process remembers of people and clients: failures, proven and refuted secrets, events that wait. And its
    signing keys, as the database of the next test has none.

    Call it after each test. Counts in a cache that OAUTH_SERVICE_THROTTLE_CACHE names go with that cache's own clear().
    """
    audit.forget()
    authentication.forget_secrets()
    failure_counts.forget_all()
    throttle.calm_down()
    keys.forget()
    key_sets.forget()
    remote.forget()
