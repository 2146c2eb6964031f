"""Deletion of users and clients in a race, as a project does it at each isolation level (TEST_ISOLATION)."""

import os
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from django.contrib.auth.models import User
from django.db import models
from django.db.models.deletion import Collector

from oauth_service import database
from oauth_service.models import Client
from tests.database import ALIAS
from tests.guide import Guide

T = TypeVar("T")
_repeating = threading.local()


def repeated(delete: Callable[[], T]) -> T:
    """Delete as a project does. It repeats a deletion that failed under a stricter isolation level, as W030 says."""

    def run() -> T:
        _repeating.now = True
        try:
            return delete()
        finally:
            _repeating.now = False

    if "TEST_ISOLATION" not in os.environ:
        return run()
    return database.run_again(run, using=ALIAS, after=database.CONFLICTS_OF_DELETION)


def delete_user(guide: Guide) -> object:
    """Delete Alice."""
    return repeated(lambda: User.objects.get(pk=guide.alice.pk).delete())


def delete_users(guide: Guide) -> object:
    """Delete all users in one statement."""
    return repeated(lambda: User.objects.all().delete())


def delete_client(guide: Guide) -> object:
    """Delete the client. The package repeats the deletion of its own rows."""
    return Client.objects.get(pk=guide.client.pk).delete()


def delete_clients(guide: Guide) -> object:
    """Delete all clients in one statement."""
    return Client.objects.all().delete()


class RepeatedCollector:
    """Replacement of Collector.delete() that refuses the deletion of a user outside of repeated()."""

    def __init__(self) -> None:
        self.delete = Collector.delete

    def __get__(self, collector: Collector, owner: type[Collector]) -> Callable[[], object]:
        origin = collector.origin
        model = origin.model if isinstance(origin, models.QuerySet) else type(origin)
        # Each isolation level refuses it, so that no race has to be lost under a strict level to find it.
        assert model is not User or getattr(_repeating, "now", False), "Delete users with repeated()."
        return partial(self.delete, collector)
