"""`manage.py simulate` against running sites."""

import subprocess
import sys

import pytest

from config.sites import ROOT, Sites

pytestmark = pytest.mark.journey


def test_the_simulation_finds_no_deviation(sites: Sites) -> None:
    """Nine steps, every message held against the guide, over real HTTP."""
    options = ["--server-url", sites.server_url, "--redirect-uri", f"{sites.client_url}/callback"]
    options += ["--client-id", "presc_man_123", "--client-secret", "ITS_A_VERY_SECRET_KEY"]
    options += ["--username", "alice", "--password", "wonderland"]
    command = [sys.executable, "manage.py", "simulate", *options]
    done = subprocess.run(command, cwd=ROOT, env=sites.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
