"""
Sessions that were ended from outside, all of a user at once (global token revocation): they are nobody's.

Django's sessions do not say whose they are, and may be in a cookie: none of them can be looked for. So each has the mark of its
user from its sign-in on, and is good as long as the user has the same. Without OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION nothing of
this happens.
"""

from typing import Any

from django.contrib.auth import logout
from django.contrib.sessions.backends.base import SessionBase
from django.db import DatabaseError
from django.http import HttpRequest

from .. import conf, database

SESSION_KEY = "oauth_service_mark"


# Models are imported where they are asked: oauth_service.wsgi, which imports this, is imported before Django is set up.


class SessionEnded(Exception):
    """The session of a request was ended while the request was under way: its person signs in again."""


def remember(sender: object, request: HttpRequest | None = None, user: Any = None, **_: object) -> None:
    """Give a session the mark of its user as it begins (user_logged_in)."""
    if conf.GLOBAL_TOKEN_REVOCATION() and request is not None and hasattr(request, "session") and user is not None:
        from ..models import SessionMark

        request.session[SESSION_KEY] = SessionMark.objects.mark_of(user.pk)


def is_ended(session: SessionBase, user_id: Any) -> bool:
    """Tell whether a session was ended since its user signed in; a session from before the setting has no mark. One statement."""
    from ..models import SessionMark
    from ..models.session_mark import NO_MARK

    return str(session.get(SESSION_KEY, NO_MARK)) != SessionMark.objects.mark_of(user_id)


def leave_ended(request: HttpRequest) -> None:
    """Sign out whoever comes with a session that was ended; no statement without the setting, or if nobody is signed in."""
    if conf.GLOBAL_TOKEN_REVOCATION() and _is_somebodys(request) and is_ended(request.session, request.user.pk):
        try:
            logout(request)
        except DatabaseError as failure:
            if database.sqlstate_of(failure) not in database.CONFLICTS:
                raise
            from django.contrib.auth.models import AnonymousUser

            # Another request of the same session was faster to delete it, under REPEATABLE READ or SERIALIZABLE.
            database.run_again(request.session.flush, using=database.ours())
            request.user = AnonymousUser()


def hold(request: HttpRequest) -> None:
    """
    Keep the session of a request from being ended until the transaction of the caller is over.

    Raises:
        SessionEnded: it was.
    """
    if not conf.GLOBAL_TOKEN_REVOCATION():
        return
    from ..models import SessionMark
    from ..models.session_mark import NO_MARK

    if SessionMark.objects.hold(request.user.pk).mark.hex != request.session.get(SESSION_KEY, NO_MARK):
        raise SessionEnded


def _is_somebodys(request: HttpRequest) -> bool:
    return hasattr(request, "session") and hasattr(request, "user") and request.user.is_authenticated
