"""`manage.py simulate` against running sites."""

import subprocess
import sys

import pytest

from config.sites import ROOT, Sites
from simulation.flows import FLOWS

pytestmark = pytest.mark.journey


def test_the_simulation_finds_no_deviation(sites: Sites) -> None:
    """All nine steps are compared with the guide, over real HTTP."""
    options = ["--server-url", sites.server_url, "--redirect-uri", f"{sites.client_url}/callback"]
    options += ["--client-id", "presc_man_123", "--client-secret", "ITS_A_VERY_SECRET_KEY"]
    options += ["--username", "alice", "--password", "wonderland"]
    assert_keeps_every_promise(sites, options)


@pytest.mark.parametrize("flow", FLOWS)
def test_every_other_flow_is_played_without_deviation(sites: Sites, flow: str) -> None:
    """The cast is the one that `make run` registers."""
    assert_keeps_every_promise(sites, ["--server-url", sites.server_url, "--flow", flow])


def assert_keeps_every_promise(sites: Sites, options: list[str]) -> None:
    """Check that the command succeeds."""
    command = [sys.executable, "manage.py", "simulate", *options]
    done = subprocess.run(command, cwd=ROOT, env=sites.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
