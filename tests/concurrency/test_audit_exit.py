"""The end of a process: waiting audit events are written, unless the process was killed."""

import os
import subprocess
import sys

import pytest

from config.sites import ROOT
from oauth_service.models import AuditEvent
from tests.concurrency.test_kill import database_url

# Two events: one that waits, and one that is written at once.
PROGRAM = """
import multiprocessing, os, signal, django
django.setup()
from oauth_service import signals
from oauth_service.watch import audit
audit.PAUSE_SECONDS = 600
def work():
    signals.announce(signals.code_issued, user_id=1, client_id="presc_man_123", scope="user")
    signals.announce(signals.app_deauthorised, user_id=1, client_id="presc_man_123")
"""
ENDS = {
    "by itself": "work()",
    "as a child of multiprocessing": """
child = multiprocessing.get_context("fork").Process(target=work)
child.start()
child.join()
""",
    "after it forked": """
signals.announce(signals.token_issued, user_id=1, client_id="presc_man_123", scope="user")
from django.db import connections
connections.close_all()
child = os.fork()
if not child:
    os._exit(0)
os.waitpid(child, 0)
work()
""",
    "by SIGKILL": "work(); os.kill(os.getpid(), signal.SIGKILL)",
}


@pytest.mark.parametrize(
    ("end", "left"),
    [
        ("by itself", ["app_deauthorised", "code_issued"]),
        ("as a child of multiprocessing", ["app_deauthorised", "code_issued"]),
        ("after it forked", ["app_deauthorised", "code_issued", "token_issued"]),
        ("by SIGKILL", ["app_deauthorised"]),
    ],
)
def test_what_is_left_of_a_process_that_ends(transactional_db: None, end: str, left: list[str]) -> None:
    """Granian's workers are children of multiprocessing, which ignore atexit. A killed worker loses its last second."""
    subprocess.run(
        [sys.executable, "-c", PROGRAM + ENDS[end]],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.server.settings", "DATABASE_URL": database_url()},
        check=False,
        timeout=60,
    )
    assert sorted(AuditEvent.objects.values_list("event", flat=True)) == left
