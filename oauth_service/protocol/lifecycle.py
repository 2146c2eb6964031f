"""Whether an authorisation is alive: the one place, on every path that uses one (RFC 6749 section 10.4, RFC 9700)."""

from datetime import datetime
from typing import Protocol


class Authorisation(Protocol):
    """A pending code or a grant, joined with its consent, user and client. One without its consent is not even found."""

    @property
    def expires_at(self) -> datetime: ...
    @property
    def user_is_active(self) -> bool: ...
    @property
    def client_is_active(self) -> bool: ...


def fault_of(authorisation: Authorisation, *, now: datetime) -> str:
    """Why it is not alive, for the operator's log; "" if it is."""
    if not authorisation.user_is_active:
        return "the user was deactivated"
    if not authorisation.client_is_active:
        return "the client was deactivated"
    if authorisation.expires_at <= now:
        return f"expired at {authorisation.expires_at:%Y-%m-%dT%H:%M:%S%z}"
    return ""
