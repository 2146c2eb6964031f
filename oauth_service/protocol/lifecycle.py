"""The only check whether an authorisation is alive, for every path that uses one (RFC 6749 section 10.4, RFC 9700)."""

from datetime import datetime, timedelta
from typing import Protocol

LONGEST_LIFETIME = timedelta(days=3650)  # of everything that is issued with an end


class Authorisation(Protocol):
    """A pending code or a grant, joined with its consent, user and client; without a consent it is not even found."""

    @property
    def scope(self) -> str: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def sign_in_ended_at(self) -> datetime | None: ...
    @property
    def consent_ends_at(self) -> datetime | None: ...
    @property
    def user_is_active(self) -> bool: ...
    @property
    def client_is_active(self) -> bool: ...


def fault_of(authorisation: Authorisation, *, now: datetime) -> str:
    """Say why an authorisation is not alive, for the operator's log; return "" if it is."""
    if not authorisation.user_is_active:
        return "the user is inactive, or no backend lets them in"
    if not authorisation.client_is_active:
        return "the client was deactivated"
    if authorisation.sign_in_ended_at and "offline_access" not in authorisation.scope.split():
        # "the OP [...] SHOULD revoke refresh tokens issued without the offline_access property" (OpenID Connect Back-Channel
        # Logout section 2.7). A plain OAuth authorisation has no sign-in.
        return f"the user signed out at {authorisation.sign_in_ended_at:%Y-%m-%dT%H:%M:%S%z}"
    if has_ended(authorisation.consent_ends_at, now=now):
        return f"the connection was to end at {authorisation.consent_ends_at:%Y-%m-%dT%H:%M:%S%z}"
    if authorisation.expires_at <= now:
        return f"expired at {authorisation.expires_at:%Y-%m-%dT%H:%M:%S%z}"
    return ""


def has_ended(consent_ends_at: datetime | None, *, now: datetime) -> bool:
    """Tell whether a consent has passed its end date, and counts as withdrawn; None is a consent without an end date."""
    return consent_ends_at is not None and consent_ends_at <= now


def no_later(moment: datetime, consent_ends_at: datetime | None) -> datetime:
    """Return a moment, or the end date of the consent if that is earlier."""
    return moment if consent_ends_at is None else min(moment, consent_ends_at)
