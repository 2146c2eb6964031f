"""A server that connects devices, a device, and Alice in her browser."""

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from tests.device.actors import Device, Visitor, new_tv_app


@pytest.fixture
def devices(settings: Settings) -> Settings:
    """The server with devices switched on."""
    settings.OAUTH_SERVICE_DEVICE_AUTHORIZATION = True
    return settings


@pytest.fixture
def tv(devices: Settings, db: None) -> Device:
    """A television: a public client, because anyone can read its program."""
    return Device(new_tv_app())


@pytest.fixture
def visitor(alice: User) -> Visitor:
    """Alice, signed in."""
    return Visitor(alice)
