"""A PostgreSQL that tests may break, and the site served on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.node import Node
from tests.folders import folder_for_postgres
from tests.production.deployment import Deployment, furnish


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """The database; a test that breaks it must repair it."""
    with folder_for_postgres() as folder:
        node = Node.create(folder / "data")
        yield node
        node.remove()


@pytest.fixture(scope="session")
def deployment(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A deployment on this database."""
    return furnish(tmp_path_factory.mktemp("state"), node.url)


@pytest.fixture(
    scope="module",
    params=[{}, {"DATABASE_POOL_SIZE": "2"}],
    ids=["a connection a thread", "a pool smaller than threads"],
)
def way(request: pytest.FixtureRequest) -> dict[str, str]:
    """Settings for the server's database connections."""
    settings: dict[str, str] = request.param
    return settings


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    """Log file of a test's server."""
    return tmp_path / "log"
