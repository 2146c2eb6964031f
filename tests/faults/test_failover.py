"""The primary is killed under load and its synchronous standby promoted: nothing that was acknowledged is lost."""

import logging
import time
from pathlib import Path

import pytest

from tests.faults.load import load, register
from tests.faults.node import NAME, Node
from tests.production.deployment import furnish, serving
from tests.production.test_serve import workers_of

pytestmark = pytest.mark.fault

logger = logging.getLogger(__name__)  # what was measured; `make faults` shows it


def test_a_failover_loses_nothing_and_brings_nothing_back(tmp_path: Path, log_path: Path) -> None:
    """
    Four people connect, refresh, revoke and deauthorise, and are told nothing but 503 until the standby takes writes.

    Then every refresh token that was acknowledged is good, also if its answer got lost and it had to be sent again, and no
    token that was ended is.
    """
    nodes = [Node.create(tmp_path / "first")]
    try:
        primary = nodes[0]
        deployment = furnish(tmp_path / "state", primary.url)
        names = register(deployment)
        nodes.append(standby := primary.follow(tmp_path / "second"))
        url = f"postgresql://{NAME}@{primary.address},{standby.address}/{NAME}?target_session_attrs=read-write"
        with serving(deployment.environment(DATABASE_URL=url), log_path=log_path) as served:
            workers = workers_of(served)
            with load(served, deployment, names) as under_way:
                under_way.goes_on(answers=12)
                killed = time.monotonic()
                primary.kill()
                time.sleep(0.5)
                standby.promote()
                promoted = time.monotonic()
                recovered = under_way.goes_on()
                logger.warning(
                    "%s",
                    f"answered {recovered - promoted:.2f} s after the promotion, {recovered - killed:.2f} s after the kill",
                )
            logger.warning("%s", under_way)
            assert recovered - promoted < 5
            assert workers_of(served) == workers
    finally:
        for node in nodes:
            node.remove()
