"""
Django's database sessions and password backend, with a cheaper read.

    SESSION_ENGINE = "oauth_service.sessions"
    AUTHENTICATION_BACKENDS = ["oauth_service.sessions.Backend"]

Rows, cookies and rules are Django's own. Only the reads of each request differ: the ORM compiles their statements once
and not each time. They make up most of the cost of an authorization request by a signed-in user. Each session names
the backend that signed its user in, so users sign in once more after a change of backend.
"""

from typing import Any, NamedTuple

from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db import models
from django.utils import timezone

from . import database
from .compiled.statement import Placeholder, Select
from .models import user


class SessionStore(db.SessionStore):
    """Sessions in the database."""

    def _validate_session_key(self, key: str | None) -> bool:
        # A cookie can hold a NUL byte, as "\000" in quotes. PostgreSQL refuses it, and every page would be a 500.
        return bool(super()._validate_session_key(key)) and "\0" not in str(key)  # type: ignore[misc]

    def _get_session_from_db(self) -> "_Row | None":
        row = _alive.one(session_key=self.session_key, now=timezone.now())
        if row is None:
            self._session_key = None
        return row


class Backend(ModelBackend):
    """Sign-in by user name and password. A custom manager of the user model is called for each request."""

    def get_user(self, user_id: Any) -> Any:
        found: Any = user.by_pk(user_id)
        return found if found is not None and self.user_can_authenticate(found) else None


def _alive_rows() -> "models.QuerySet[Any, Any]":
    now = Placeholder("now", models.DateTimeField())
    key = Placeholder("session_key", models.CharField())
    alive = Session.objects.using(database.primary(Session)).filter(session_key=key, expire_date__gt=now)
    return alive.values_list("session_data")


class _Row(NamedTuple):
    """The column that Django's store reads of a session."""

    session_data: str


_alive = Select(lambda: Session, _alive_rows, _Row._make)
