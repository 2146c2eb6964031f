"""People at their browsers, and what the operator reads in the log."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

Reasons = Callable[[], list[str]]


@pytest.fixture
def alices(browser: Browser, alice: User) -> Browser:
    """Alice's browser: signed in, and every form has to carry its CSRF token as on the real site."""
    browser.force_login(alice)
    return browser


@pytest.fixture
def reasons(caplog: pytest.LogCaptureFixture) -> Reasons:
    """The log lines about refusals so far."""
    caplog.set_level("INFO", logger="oauth_service.refused")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "oauth_service.refused"]
