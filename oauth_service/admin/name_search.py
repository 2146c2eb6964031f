"""Find the users and clients that a search term names."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db import models

from .. import database
from ..models import Client
from .user_fields import user_names

MOST_FOUND = 5  # users, and as many clients, for each word of a search


def users_named(word: str) -> list[Any]:
    """Return the primary keys of the users that a search term names."""
    users = get_user_model()
    named = models.Q(*[(f"{name}__icontains", word) for name in user_names()], _connector=models.Q.OR)
    found = users._default_manager.using(database.primary(users)).order_by("pk")
    return _first(found, models.Q(**{users.USERNAME_FIELD: word}), named, "pk")


def clients_named(word: str, *, column: str = "client_id") -> list[Any]:
    """Return the client_ids, or another column, of the clients that a search term names."""
    named = models.Q(name__icontains=word) | models.Q(client_id__icontains=word)
    return _first(Client.objects.order_by("pk"), models.Q(client_id=word), named, column)


def _first(rows: models.QuerySet[Any], exactly: models.Q, alike: models.Q, column: str) -> list[Any]:
    """Return the rows with exactly this name; if there are none, the first rows whose names contain it."""
    found = rows.values_list(column, flat=True)
    return list(found.filter(exactly)[:MOST_FOUND]) or list(found.filter(alike)[:MOST_FOUND])
