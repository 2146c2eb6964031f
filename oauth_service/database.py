"""
The primary database of a model: where its rows are written, and where everything that decides is read.

A project may route reads to replicas. A replica can be behind: it may not know yet that a token was revoked.
"""

from collections.abc import Callable
from typing import TypeVar

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, models, router, transaction
from django.http import HttpResponseBase

M = TypeVar("M", bound=models.Model)
View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def primary(model: type[models.Model]) -> str:
    """Alias of the database that a model is written to."""
    return router.db_for_write(model) if router.routers else DEFAULT_DB_ALIAS


def ours() -> str:
    """Alias of the database of this app's own tables; system check E030 sees to it that there is one."""
    return primary(apps.get_model("oauth_service", "Grant"))


class PrimaryManager(models.Manager[M]):
    """A manager that reads where it writes, unless a query names its database itself with using()."""

    @property
    def db(self) -> str:
        return self._db or primary(self.model)

    def get_queryset(self) -> "models.QuerySet[M]":
        return super().get_queryset().using(self.db)


def without_transaction(view: View) -> View:
    """Keep Django from wrapping a view in a transaction, whichever database ATOMIC_REQUESTS is set for."""
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view
