"""Folders for what a test starts under another user."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def folder_for_postgres() -> Iterator[Path]:
    """
    A new folder for a PostgreSQL's files; it is gone afterwards.

    PostgreSQL runs under a user of its own where the tests run as root. pytest's folders do not do: each run of pytest closes
    the folder above all of them to other users, and the servers of a run beside it lose their files.
    """
    with tempfile.TemporaryDirectory(prefix="oauth-service-postgres-", ignore_cleanup_errors=True) as name:
        yield Path(name)
