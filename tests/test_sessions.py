"""Our statements read sessions and users with the same rows, cookies and rules as Django."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore as DjangosStore
from django.contrib.sessions.models import Session
from django.test import Client as Browser
from django.utils import timezone

from oauth_service.sessions import Backend, SessionStore
from tests.database import ALIAS

pytestmark = pytest.mark.django_db


def stored() -> str:
    """Return the key of a session that Django stored."""
    store = DjangosStore()
    store["colour"] = "blue"
    store.save()
    return str(store.session_key)


def test_a_session_of_djangos_is_read() -> None:
    """A project can switch SESSION_ENGINE to ours without signing anybody out."""
    assert SessionStore(stored())["colour"] == "blue"


def test_a_session_of_ours_is_djangos() -> None:
    """A project can switch back, too."""
    store = SessionStore()
    store["colour"] = "red"
    store.save()
    assert DjangosStore(store.session_key)["colour"] == "red"


def test_an_unknown_session_is_empty_and_gets_another_key() -> None:
    """A key that a visitor chose must never become that of a session (session fixation)."""
    store = SessionStore("chosen-by-somebody-else")
    assert (store.get("colour"), store.session_key) == (None, None)


def test_a_key_with_a_nul_byte_is_none(settings: LazySettings) -> None:
    """
    A quoted cookie value can contain NUL, and PostgreSQL refuses such a statement, so every page used to be a 500.
    """
    settings.SESSION_ENGINE = "oauth_service.sessions"
    answer = Browser().get("/manage-apps/", headers={"Cookie": r'sessionid="\000chosen-by-somebody"'})
    assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/manage-apps/")


def test_an_expired_session_is_none() -> None:
    """The session is invalid even before clearsessions deletes its row."""
    key = stored()
    with time_machine.travel(timezone.now() + timedelta(days=15)):
        assert SessionStore(key).get("colour") is None
    assert Session.objects.filter(pk=key).exists()


def test_a_session_that_was_ended_is_none_at_once() -> None:
    """Sessions are not cached."""
    key = stored()
    SessionStore(key).flush()
    assert SessionStore(key).get("colour") is None


def test_the_user_is_the_orms(alice: User) -> None:
    """The user has every column, so that saving the user loses nothing."""
    found = Backend().get_user(alice.pk)
    fresh = User.objects.get(pk=alice.pk)
    columns = [field.attname for field in User._meta.concrete_fields]
    assert {name: getattr(found, name) for name in columns} == {name: getattr(fresh, name) for name in columns}
    assert (type(found), found._state.adding, found._state.db) == (User, False, ALIAS)


def test_the_session_of_a_deleted_user_signs_nobody_in() -> None:
    """The session of a deleted user must sign nobody in."""
    assert Backend().get_user(4711) is None


def test_a_deactivated_user_is_nobody(alice: User) -> None:
    """Django has the same rule."""
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert Backend().get_user(alice.pk) is None


def test_a_changed_password_signs_other_browsers_out(alice: User, settings: LazySettings) -> None:
    """Django's session hash is checked as usual, against the current row."""
    settings.SESSION_ENGINE = "oauth_service.sessions"
    settings.AUTHENTICATION_BACKENDS = ["oauth_service.sessions.Backend"]
    browser = Browser()
    assert browser.login(username="alice", password="wonderland")
    before = browser.get("/manage-apps/").status_code
    alice.set_password("another")
    alice.save()
    assert (before, browser.get("/manage-apps/").status_code) == (200, 302)
