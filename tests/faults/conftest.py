"""A PostgreSQL that may be broken, and the site served on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.node import Node
from tests.folders import folder_for_postgres
from tests.production.deployment import Deployment, furnish


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """The database; whoever breaks it mends it."""
    with folder_for_postgres() as folder:
        node = Node.create(folder / "data")
        yield node
        node.remove()


@pytest.fixture(scope="session")
def deployment(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A deployment on it."""
    return furnish(tmp_path_factory.mktemp("state"), node.url)


@pytest.fixture(
    scope="module",
    params=[{}, {"DATABASE_POOL_SIZE": "2"}],
    ids=["a connection a thread", "a pool smaller than threads"],
)
def way(request: pytest.FixtureRequest) -> dict[str, str]:
    """How the server holds its connections: the settings for it."""
    settings: dict[str, str] = request.param
    return settings


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    """Where the server of a test writes its log."""
    return tmp_path / "log"
