"""Directories for programs that tests start under another user."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def folder_for_postgres() -> Iterator[Path]:
    """
    Make a directory for a PostgreSQL's files, and delete it afterwards.

    PostgreSQL runs under a user of its own if the tests run as root. pytest's directories are unsuitable: each run of
    pytest closes their parent directory to other users, and the servers of a parallel run lose access to their files.
    """
    with tempfile.TemporaryDirectory(prefix="oauth-service-postgres-", ignore_cleanup_errors=True) as name:
        yield Path(name)
