"""Reports of failures hold no secret: error mails, Django's debug page, the log, Sentry."""

import json
import os
import subprocess
import sys

import pytest

from config.sites import ROOT


@pytest.mark.walk
@pytest.mark.parametrize(
    ("settings", "reporters"),
    [
        ({}, ["log", "mail", "sentry"]),
        ({"REPORTS_DEBUG": "1"}, ["log", "page", "sentry"]),
        ({"REPORTS_HOOK": "1"}, ["log", "mail", "sentry"]),
    ],
    ids=["behind our door", "with DEBUG", "in middleware, with before_send"],
)
def test_no_secret_is_in_any_report_of_any_failure(settings: dict[str, str], reporters: list[str]) -> None:
    """Every endpoint is made to fail in every file that it runs through; `make reports` does so in every function."""
    walk = subprocess.run(
        [sys.executable, "-m", "tests.reports.walk"],
        cwd=ROOT,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert walk.returncode == 0, walk.stderr[-3000:]
    found = json.loads(walk.stdout)
    assert [name for name in reporters if not found["counts"][name]] == []
    assert found["leaks"] == []
