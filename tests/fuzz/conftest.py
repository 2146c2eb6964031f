"""The number of requests of a run, and the count of those that were sent."""

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from oauth_service.models import Client
from tests.fuzz import live
from tests.fuzz.live import Live
from tests.jwt_bearer.actors import USER_FUNCTION

SENT = "requests sent"
# Switch on every endpoint and every grant type that a setting can.
EVERYTHING_ON = {
    "OAUTH_SERVICE_REGISTRATION": "open",
    "OAUTH_SERVICE_DEVICE_AUTHORIZATION": True,
    "OAUTH_SERVICE_INTROSPECTION": True,
    "OAUTH_SERVICE_JWT_BEARER_USER": USER_FUNCTION,
    "OAUTH_SERVICE_EXCHANGE_USER": USER_FUNCTION,
}


@pytest.fixture
def living(alice: User, presc_man: Client, public_app: Client, settings: Settings) -> Live:
    """Values that the server knows, with every endpoint that a setting switches on."""
    for name, value in EVERYTHING_ON.items():
        setattr(settings, name, value)
    settings.OAUTH_SERVICE_REGISTRATION_LIMIT = 100_000
    living = live.cast(alice, presc_man, public_app)
    # A secret that was checked once stays accepted, however many random secrets fail.
    assert living.guide.revoke("AT_unknown").status_code == 200
    return living


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the total over all processes."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    sent = sum(
        value for report in reports if report.when == "call" for name, value in report.user_properties if name == SENT
    )
    if sent:
        terminalreporter.write_line(f"fuzz: {sent:,} requests sent")
