"""The primary is killed under load and its synchronous standby promoted: no acknowledged change is lost."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.faults.load import Lies, load, register
from tests.faults.node import NAME, Node
from tests.folders import folder_for_postgres
from tests.production.deployment import Deployment, Served, furnish, serving
from tests.production.test_serve import workers_of

pytestmark = pytest.mark.fault

logger = logging.getLogger(__name__)  # logs what was measured; `make faults` shows it


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A primary, its standby, and the site served on the one that accepts writes, with users."""

    primary: Node
    standby: Node
    deployment: Deployment
    served: Served
    names: list[str]


@contextmanager
def pair(*, synchronous: bool = True, way: dict[str, str]) -> Iterator[Pair]:
    """Two servers during a block."""
    with folder_for_postgres() as folder:
        nodes = [primary := Node.create(folder / "first")]
        try:
            deployment = furnish(folder / "state", primary.url)
            names = register(deployment)
            nodes.append(standby := primary.follow(folder / "second", synchronous=synchronous))
            url = f"postgresql://{NAME}@{primary.address},{standby.address}/{NAME}?target_session_attrs=read-write"
            with serving(deployment.environment(DATABASE_URL=url, **way), log_path=folder / "log") as served:
                yield Pair(primary=primary, standby=standby, deployment=deployment, served=served, names=names)
        finally:
            for node in nodes:
                node.remove()


def test_a_failover_loses_nothing_and_brings_nothing_back(way: dict[str, str]) -> None:
    """
    Four users connect, refresh, revoke and deauthorise, and get only 503 until the standby accepts writes.

    Then every acknowledged refresh token is valid, even if its response was lost and the request repeated. No token
    that was ended is valid.
    """
    with pair(way=way) as two:
        workers = workers_of(two.served)
        with load(two.served, two.deployment, two.names) as under_way:
            under_way.goes_on(answers=12)
            killed = time.monotonic()
            two.primary.kill()
            time.sleep(0.5)
            two.standby.promote()
            promoted = time.monotonic()
            recovered = under_way.goes_on()
            logger.warning(
                "%s",
                f"answered {recovered - promoted:.2f} s after the promotion, {recovered - killed:.2f} s after the kill",
            )
        logger.warning("%s", under_way)
        assert recovered - promoted < 10
        assert workers_of(two.served) == workers


def test_what_a_standby_has_not_heard_of_is_noticed() -> None:
    """
    The same users find lost changes and revived tokens if commits do not wait for the standby.

    Otherwise the test above could not fail.
    """
    with pair(synchronous=False, way={}) as two:
        with pytest.raises(Lies) as told:
            _lose_what_a_standby_has_not_heard_of(two)
        [lies] = told.value.args
    logger.warning("%s", f"{len(lies)} lies, the first of them: {lies[0]}")
    assert {lie.partition(":")[0] for lie in lies} == {"lost", "alive again"}


def _lose_what_a_standby_has_not_heard_of(two: Pair) -> None:
    with load(two.served, two.deployment, two.names) as under_way:
        under_way.goes_on()
        two.standby.fall_behind()
        under_way.goes_on(answers=20)
        under_way.rest()
        two.primary.kill()
        two.standby.promote()
