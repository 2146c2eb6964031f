"""Access to the log lines that the operator reads."""

from collections.abc import Callable

import pytest

Reasons = Callable[[], list[str]]


@pytest.fixture
def reasons(caplog: pytest.LogCaptureFixture) -> Reasons:
    """Return a function that lists the log lines about refusals so far."""
    caplog.set_level("INFO", logger="oauth_service.refused")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "oauth_service.refused"]
