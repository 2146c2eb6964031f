"""
Sessions of a user who was signed out everywhere (global token revocation) are ended when they are next used.

Django's sessions do not name their user, and may be kept in a cookie, so they cannot be looked up. Instead each session
gets a mark of its user at sign-in, and is valid while the user's mark stays the same. Without
OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION this module does nothing.
"""

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user, logout
from django.contrib.sessions.backends.base import SessionBase
from django.db import DatabaseError
from django.http import HttpRequest

from .. import conf, database

if TYPE_CHECKING:
    from ..models.session_mark import SessionMarkManager

SESSION_KEY = "oauth_service_mark"


class SessionEnded(Exception):
    """The session was ended during the request: its user has to sign in again."""


def remember(sender: object, request: HttpRequest | None = None, user: Any = None, **_: object) -> None:
    """Put the user's mark into a new session (user_logged_in)."""
    if conf.GLOBAL_TOKEN_REVOCATION() and request is not None and hasattr(request, "session") and user is not None:
        request.session[SESSION_KEY] = _marks().mark_of(user.pk)


def is_ended(session: SessionBase, user_id: Any) -> bool:
    """
    Return whether a session was ended since its sign-in. Sessions from before the setting have no mark. Costs one
    statement.
    """
    return _mark_in(session) != _marks().mark_of(user_id)


def leave_ended(request: HttpRequest) -> None:
    """Sign out a user whose session was ended. Costs no statement without the setting or a signed-in user."""
    if conf.GLOBAL_TOKEN_REVOCATION() and _is_somebodys(request) and is_ended(request.session, request.user.pk):
        try:
            logout(request)
        except DatabaseError as failure:
            if database.sqlstate_of(failure) not in database.CONFLICTS:
                raise
            # Another request of the session deleted it first, under REPEATABLE READ or SERIALIZABLE.
            database.run_again(request.session.flush, using=database.ours())
            request.user = get_user(request)


def hold(request: HttpRequest) -> None:
    """
    Keep the session of a request from being ended until the caller's transaction is over.

    Raises:
        SessionEnded: it was ended already.
    """
    if not conf.GLOBAL_TOKEN_REVOCATION():
        return
    if _marks().hold(request.user.pk).mark.hex != _mark_in(request.session):
        raise SessionEnded


def _mark_in(session: SessionBase) -> str:
    return str(session.get(SESSION_KEY, _marks().model.NO_MARK))


def _marks() -> "SessionMarkManager":
    # Imported here: oauth_service.wsgi imports this module before Django is set up.
    from ..models import SessionMark

    return SessionMark.objects


def _is_somebodys(request: HttpRequest) -> bool:
    return hasattr(request, "session") and hasattr(request, "user") and request.user.is_authenticated
