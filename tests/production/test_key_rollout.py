"""
A new token key, rolled out server by server (docs/token-key.md): two real servers on one database, and the doctor.
"""

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from config.sites import ROOT
from tests.production.deployment import Deployment, Served, free_port, serving
from tests.production.visit import Visit

pytestmark = pytest.mark.production

OLD, NEW = "o" * 40, "n" * 40


def key(seals: str, opens: str = "") -> dict[str, str]:
    """Environment of a server: the key that seals, and the one that only opens."""
    return {"OAUTH_SERVICE_TOKEN_KEY": seals, "OAUTH_SERVICE_TOKEN_KEY_FALLBACKS": opens}


def examine(here: Served, *servers: Served) -> tuple[int, dict[str, str]]:
    """Run the doctor on the first server; return its exit status, and the server of each finding."""
    options = [option for server in servers for option in ("--server", server.url)]
    done = subprocess.run(
        [sys.executable, "manage.py", "oauth_doctor", "--json", *options],
        cwd=ROOT,
        env=here.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    findings = [each for each in json.loads(done.stdout)["findings"] if each["group"] == "Servers"]
    has_errors = any(each["level"] == "error" for each in findings)
    assert done.returncode == 2 or not has_errors
    # The status is that of these findings, because the command's own also covers changes by other tests.
    return (2 if has_errors else 0), {each["id"]: each["about"] for each in findings}


def understands(issuer: Served, other: Served, deployment: Deployment) -> list[int]:
    """Statuses of a server's responses to tokens that another server has issued."""
    with (
        Visit(base_url=issuer.url, client_secret=deployment.client_secret) as there,
        Visit(base_url=other.url, client_secret=deployment.client_secret) as here,
    ):
        there.sign_in()
        tokens = there.exchange(there.code()).json()
        return [
            here.userinfo(tokens["access_token"]).status_code,
            here.refresh(tokens["refresh_token"]).status_code,
            here.exchange(there.code()).status_code,
        ]


@pytest.mark.parametrize(
    ("first", "second", "status", "found"),
    [
        (key(OLD), key(NEW, OLD), 2, {"key-not-known": "first"}),
        (key(OLD, NEW), key(NEW, OLD), 0, {"keys-rolling": ""}),
    ],
    ids=["at once", "step 2 of docs/token-key.md"],
)
def test_servers_in_the_middle_of_a_rollout(
    on_sqlite: Deployment,
    tmp_path: Path,
    first: dict[str, str],
    second: dict[str, str],
    status: int,
    found: dict[str, str],
) -> None:
    """
    Each server accepts the other's tokens in the documented order. In another order one does not, and the doctor names
    it.
    """
    issuer = f"http://127.0.0.1:{free_port()}"
    with ExitStack() as running:
        one, two = (
            running.enter_context(
                serving(
                    on_sqlite.environment(OAUTH_SERVICE_ISSUER=issuer, SERVE_WORKERS="1", **keys),
                    log_path=tmp_path / name,
                )
            )
            for name, keys in (("first", first), ("second", second))
        )
        about = {name: {"first": one.url}.get(each, each) for name, each in found.items()}
        ended, said = examine(two, one, two)
        if "key-not-known" in found:
            assert said.keys() == {"key-not-known"}
            assert (ended, said["key-not-known"]) == (status, about["key-not-known"])
            assert understands(two, one, on_sqlite) == [401, 400, 400]
            assert understands(one, two, on_sqlite) == [200, 200, 200]
        else:
            assert (ended, said) == (status, about)
            assert understands(one, two, on_sqlite) + understands(two, one, on_sqlite) == [200] * 6
