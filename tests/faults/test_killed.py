"""kill -9 of workers and of the whole server, under load."""

import logging
import os
import signal
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.faults.load import load, register
from tests.production.deployment import Deployment, Served, eventually, serving
from tests.production.test_serve import workers_of

pytestmark = pytest.mark.fault

logger = logging.getLogger(__name__)  # logs what was measured; `make faults` shows it


def test_kill_9_of_workers_and_of_the_server_loses_nothing(deployment: Deployment, log_path: Path) -> None:
    """
    The server replaces killed workers while the others go on. Afterwards the database has exactly the acknowledged
    changes.
    """
    names = register(deployment)
    environment = deployment.environment()
    with ExitStack() as stack:
        served = stack.enter_context(serving(environment, log_path=log_path))
        with load(served, deployment, names) as under_way:
            for _ in range(3):
                under_way.goes_on(answers=4)
                before = workers_of(served)
                os.kill(before[0], signal.SIGKILL)
                killed = time.monotonic()
                eventually(partial(_is_replaced, served, before))
                logger.warning("%s", f"a worker replaced after {time.monotonic() - killed:.2f} s")
            under_way.goes_on(answers=4)
            os.killpg(served.process.pid, signal.SIGKILL)
            served.process.wait()
            killed = time.monotonic()
            stack.enter_context(serving(environment, log_path=log_path))
            logger.warning("%s", f"the server started again after {under_way.goes_on(answers=4) - killed:.2f} s")
        logger.warning("%s", under_way)


def _is_replaced(served: Served, before: list[int]) -> bool:
    now = workers_of(served)
    return before[0] not in now and len(now) == len(before)
