"""A server on which a console may sign users out everywhere."""

import pytest
from pytest_django import Settings

from tests.revocation.actors import Console, console_of


@pytest.fixture
def console(settings: Settings, db: None) -> Console:
    """The console, switched on before any sign-in."""
    settings.OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION = True
    return console_of("console")
