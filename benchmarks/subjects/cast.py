"""Signed-in users of a Django subject."""

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore


def users(count: int) -> list[User]:
    """Create users without a usable password, because hashing that many would take minutes."""
    return User.objects.bulk_create(
        User(
            username=f"user{number}",
            email=f"user{number}@example.com",
            first_name="Alice",
            last_name="Liddell",
            password="!",
        )
        for number in range(count)
    )


def session_cookie(user: User) -> str:
    """Sign a user in, as django.contrib.auth.login() does; return the Cookie header."""
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    store.save()
    return f"sessionid={store.session_key}"
