"""
The primary database of each model: all writes go there, and all reads that decide something.

A project may route reads to replicas. A replica can lag: it may not know yet that a token was revoked.
"""

import secrets
import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any, TypeVar

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, models, router, transaction
from django.http import HttpResponseBase

M = TypeVar("M", bound=models.Model)
T = TypeVar("T")
View = TypeVar("View", bound=Callable[..., HttpResponseBase])

ATTEMPTS = 25  # when many meet at one row, each attempt lets one of them through: twenty take three seconds at most
PAUSE_MILLISECONDS = 10
# SQLSTATE codes of PostgreSQL.
CONFLICTS = ("40001", "40P01")  # serialization_failure, deadlock_detected: nothing was written
UNIQUE_VIOLATION = "23505"
# A deletion can also meet foreign_key_violation: another transaction added a row that refers to the deleted one.
CONFLICTS_OF_DELETION = (*CONFLICTS, "23503")


def primary(model: type[models.Model]) -> str:
    """Alias of the database that a model is written to."""
    return router.db_for_write(model) if router.routers else DEFAULT_DB_ALIAS


def ours() -> str:
    """Alias of the database of this app's tables. System check E030 makes sure that there is only one."""
    return primary(_grant())


@cache
def _grant() -> type[models.Model]:
    # Cached, because Django searches its app registry on each call.
    return apps.get_model("oauth_service", "Grant")


class PrimaryQuerySet(models.QuerySet[M]):
    """Queries whose writes are repeated if another transaction interfered: see run_again()."""

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
    """Manager that reads from the database it writes to, unless a query names another with using()."""

    _queryset_class = PrimaryQuerySet

    @property
    def db(self) -> str:
        return self._db or primary(self.model)

    def get_queryset(self) -> "models.QuerySet[M]":
        return super().get_queryset().using(self.db)


def without_transaction(view: View) -> View:
    """Keep Django from wrapping a view in a transaction, whichever database has ATOMIC_REQUESTS."""
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


def run_transaction(work: Callable[[], T]) -> T:
    """
    Run a function in a transaction of our database, and repeat it if another transaction interfered.

    Under READ COMMITTED a statement waits for other transactions and then sees what they wrote. Under a stricter level
    (REPEATABLE READ, SERIALIZABLE) it fails, and the whole transaction has to be repeated to see it.
    """

    def run() -> T:
        with transaction.atomic(using=ours()):
            return work()

    return run_again(run, using=ours(), after=(*CONFLICTS, UNIQUE_VIOLATION))


def run_again(work: Callable[[], T], *, using: str, after: tuple[str, ...] = CONFLICTS) -> T:
    """
    Run a function, and repeat it if it fails because of another transaction: ATTEMPTS times at most.

    The function must leave nothing behind when it fails. Within a transaction of the caller it runs once only: that
    transaction has failed as a whole, and only the caller can repeat it.

    Args:
        using: alias of the database.
        after: SQLSTATE codes of the failures that are worth another attempt.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return work()
        except DatabaseError as failure:
            if sqlstate_of(failure) not in after or connections[using].in_atomic_block:
                raise
        # A random pause that grows: two that met repeat almost at once, many do not all repeat at the same moment.
        time.sleep(secrets.randbelow(attempt * PAUSE_MILLISECONDS + 1) / 1000)
    return work()


def sqlstate_of(failure: BaseException) -> str:
    """SQLSTATE code of a failure, five characters; "" on databases other than PostgreSQL."""
    cause = failure.__cause__
    return getattr(cause, "sqlstate", getattr(cause, "pgcode", None)) or ""
