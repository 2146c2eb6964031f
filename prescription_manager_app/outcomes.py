"""Outcomes of a connection, good or bad, in words for Alice; each has a next step."""

from dataclasses import dataclass
from enum import Enum


class WayOn(Enum):
    """Next step that the page offers."""

    CONNECT = "connect"
    RETRY = "retry"
    HOME = "home"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """
    Texts of an outcome's page.

    Attributes:
        status: HTTP status of the page.
        manage_apps: True if the page links to Manage Connected Apps of the server.
    """

    status: int
    title: str
    text: str
    way_on: WayOn
    manage_apps: bool = False


class Outcome(Enum):
    """All outcomes; a member's name in lower case is the last part of its page's URL."""

    SIGNED_OUT = Words(
        status=200,
        title="You are signed out",
        text="This app has given back its access. Your prescriptions stay here and are shown again when you connect.",
        way_on=WayOn.CONNECT,
    )
    SIGNED_OUT_HERE_ONLY = Words(
        status=200,
        title="You are signed out here",
        text="We could not reach the sign-in service to end our access, or it did not confirm the end. We have deleted our "
        "copy. To be certain that the access has ended, revoke it in Manage Connected Apps.",
        way_on=WayOn.CONNECT,
        manage_apps=True,
    )
    ACCESS_DENIED = Words(
        status=403,
        title="You chose not to connect",
        text="The sign-in service has told us nothing about you. This app can only show your prescriptions if it is connected. "
        "You can connect at any time.",
        way_on=WayOn.CONNECT,
    )
    CONNECTION_ENDED = Words(
        status=403,
        title="Your connection was ended",
        text="The connection was revoked or has expired, so this app has no access any more. Your prescriptions are still here. "
        "Connect again to see them.",
        way_on=WayOn.CONNECT,
    )
    CODE_REFUSED = Words(
        status=400,
        title="That sign-in took too long",
        text="The sign-in service no longer accepts the code that it sent with your browser. A code is valid for one use and a "
        "short time. Please connect again.",
        way_on=WayOn.CONNECT,
    )
    STATE_MISMATCH = Words(
        status=400,
        title="This answer does not belong to your visit",
        text="We did not ask for this answer, or it was used before, so we have ignored it. This happens if a page is reloaded "
        "or cookies are blocked. It also protects you from links that attackers have prepared.",
        way_on=WayOn.CONNECT,
    )
    ISSUER_MISMATCH = Words(
        status=400,
        title="This answer comes from somewhere else",
        text="The answer does not name the sign-in service that we sent you to, so we have ignored it.",
        way_on=WayOn.CONNECT,
    )
    REQUEST_REFUSED = Words(
        status=502,
        title="The sign-in service refused our request",
        text="The request of this app was not accepted. You have done nothing wrong, and nothing has changed. "
        "If connecting again does not help, tell the people who run this app.",
        way_on=WayOn.CONNECT,
    )
    CLIENT_REFUSED = Words(
        status=502,
        title="The sign-in service does not recognise this app",
        text="This app could not authenticate itself. You have done nothing wrong, and trying again will not help until the "
        "people who run this app have corrected its registration.",
        way_on=WayOn.HOME,
    )
    SERVER_UNREACHABLE = Words(
        status=503,
        title="We cannot reach the sign-in service",
        text="The service does not answer. Your prescriptions are safe; we show them only while the service confirms that you "
        "are connected. Please try again in a moment.",
        way_on=WayOn.RETRY,
    )
    SERVER_TIMEOUT = Words(
        status=504,
        title="The sign-in service takes too long to answer",
        text="The service may be very busy. Nothing has changed. Please try again in a moment.",
        way_on=WayOn.RETRY,
    )
    SERVER_ERROR = Words(
        status=502,
        title="The sign-in service has a problem",
        text="The service reported an error of its own. Nothing has changed. Please try again in a moment.",
        way_on=WayOn.RETRY,
    )
    MALFORMED_ANSWER = Words(
        status=502,
        title="We do not understand the sign-in service",
        text="Its answer was not as expected, so we have ignored it. Please try again. If it happens again, tell the people who "
        "run this app.",
        way_on=WayOn.RETRY,
    )

    @property
    def slug(self) -> str:
        return self.name.lower()

    @classmethod
    def of(cls, slug: str) -> "Outcome | None":
        """The outcome with this slug, or None."""
        return next((outcome for outcome in cls if outcome.slug == slug), None)


class FailedError(Exception):
    """
    A request to the server failed, or its response was refused.

    Attributes:
        outcome: shown to Alice.
        detail: for the log: constant words or a registered error code, never a value that was sent.
    """

    def __init__(self, outcome: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail


class AccessTokenRefusedError(Exception):
    """The server answered 401: the access token has expired or was revoked (RFC 6750 section 3.1)."""


# RFC 6749 sections 4.1.2.1 and 5.2: errors of the server at /authorise/ and at /token/.
OUTCOME_OF_ERROR = {
    "access_denied": Outcome.ACCESS_DENIED,
    "invalid_client": Outcome.CLIENT_REFUSED,
    "unauthorized_client": Outcome.CLIENT_REFUSED,
    "invalid_grant": Outcome.CODE_REFUSED,
    "invalid_request": Outcome.REQUEST_REFUSED,
    "invalid_scope": Outcome.REQUEST_REFUSED,
    "unsupported_grant_type": Outcome.REQUEST_REFUSED,
    "unsupported_response_type": Outcome.REQUEST_REFUSED,
    "server_error": Outcome.SERVER_ERROR,
    "temporarily_unavailable": Outcome.SERVER_ERROR,
}


def failure_of(error: object) -> FailedError:
    """The failure for an `error` of the server; unregistered errors are not repeated."""
    if isinstance(error, str) and error in OUTCOME_OF_ERROR:
        return FailedError(OUTCOME_OF_ERROR[error], error)
    return FailedError(Outcome.REQUEST_REFUSED, "an error that is not registered")
