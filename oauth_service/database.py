"""
The primary database of a model: where its rows are written, and where everything that decides is read.

A project may route reads to replicas. A replica can be behind: it may not know yet that a token was revoked.
"""

import secrets
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, models, router, transaction
from django.http import HttpResponseBase

M = TypeVar("M", bound=models.Model)
T = TypeVar("T")
View = TypeVar("View", bound=Callable[..., HttpResponseBase])

ATTEMPTS = 25  # of those that meet at one row, one gets on each time: twenty take three seconds at most
PAUSE_MILLISECONDS = 10
# PostgreSQL's names of failures.
CONFLICTS = ("40001", "40P01")  # serialization_failure, deadlock_detected: nothing was written
UNIQUE_VIOLATION = "23505"
# Of a deletion, also foreign_key_violation: what refers to the row came after the deletion had looked.
CONFLICTS_OF_DELETION = (*CONFLICTS, "23503")


def primary(model: type[models.Model]) -> str:
    """Alias of the database that a model is written to."""
    return router.db_for_write(model) if router.routers else DEFAULT_DB_ALIAS


def ours() -> str:
    """Alias of the database of this app's own tables; system check E030 sees to it that there is one."""
    return primary(apps.get_model("oauth_service", "Grant"))


class PrimaryQuerySet(models.QuerySet[M]):
    """Rows whose writes begin anew if another transaction came between: see run_again()."""

    def create(self, **values: Any) -> M:
        return run_again(partial(super().create, **values), using=self.db)

    def bulk_create(self, *args: Any, **options: Any) -> list[M]:
        return run_again(partial(super().bulk_create, *args, **options), using=self.db)

    def update(self, **values: Any) -> int:
        return run_again(partial(super().update, **values), using=self.db)

    def delete(self) -> tuple[int, dict[str, int]]:
        return run_again(super().delete, using=self.db, after=CONFLICTS_OF_DELETION)

    def _raw_delete(self, using: str | None) -> int:
        return run_again(partial(super()._raw_delete, using), using=self.db)


class PrimaryManager(models.Manager[M]):
    """A manager that reads where it writes, unless a query names its database itself with using()."""

    _queryset_class = PrimaryQuerySet

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


def run_transaction(work: Callable[[], T]) -> T:
    """
    Run a function in a transaction of our database, all or nothing; again if another transaction came between.

    Under READ COMMITTED a statement waits for others and goes on with what they have written. Under a stricter level
    (REPEATABLE READ, SERIALIZABLE) it fails, and the transaction has to begin anew to see it.
    """

    def run() -> T:
        with transaction.atomic(using=ours()):
            return work()

    return run_again(run, using=ours(), after=(*CONFLICTS, UNIQUE_VIOLATION))


def run_again(work: Callable[[], T], *, using: str, after: tuple[str, ...] = CONFLICTS) -> T:
    """
    Run a function that leaves nothing behind if it fails; again if it met another transaction, ATTEMPTS times at most.

    In a transaction of the caller's it runs once: that one has failed as a whole, and is the caller's to repeat.

    Args:
        after: PostgreSQL's names of the failures that are worth another attempt.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return work()
        except DatabaseError as failure:
            if sqlstate_of(failure) not in after or connections[using].in_atomic_block:
                raise
        # At once where two have met; where many have, not all at the same moment again.
        time.sleep(secrets.randbelow(attempt * PAUSE_MILLISECONDS + 1) / 1000)
    return work()


def sqlstate_of(failure: BaseException) -> str:
    """PostgreSQL's name of a failure, five characters; "" on other databases."""
    cause = failure.__cause__
    return getattr(cause, "sqlstate", getattr(cause, "pgcode", None)) or ""
