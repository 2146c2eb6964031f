"""The server's own site around the reusable app."""

import runpy

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client as Browser

from config.sites import ROOT


def test_the_address_that_make_run_prints_leads_to_the_connected_apps() -> None:
    """Developers who open the address should not meet a 404."""
    response = Browser().get("/")
    assert (response.status_code, response["Location"]) == (302, "/manage-apps/")


def test_with_debug_it_is_for_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with a forgotten DEBUG=0 would sign sessions with a key that is public in this repository."""
    monkeypatch.setenv("DEBUG", "1")
    monkeypatch.setenv("OAUTH_SERVICE_ISSUER", "https://auth.example.com")
    with pytest.raises(ImproperlyConfigured, match="set DEBUG=0"):
        runpy.run_path(str(ROOT / "config/server/settings.py"))


@pytest.mark.parametrize(
    ("issuer", "host"),
    [("https://[2001:db8::1]:8443", "[2001:db8::1]"), ("https://Auth.example.com:8443", "auth.example.com")],
)
def test_the_host_of_the_issuer_is_allowed(monkeypatch: pytest.MonkeyPatch, issuer: str, host: str) -> None:
    """The host has the form of a Host header: an IPv6 address is in brackets (RFC 9110 section 7.2)."""
    monkeypatch.setenv("DEBUG", "0")
    monkeypatch.setenv("OAUTH_SERVICE_ISSUER", issuer)
    allowed = runpy.run_path(str(ROOT / "config/server/settings.py"))["ALLOWED_HOSTS"]
    assert allowed == [host, "localhost", "127.0.0.1", "[::1]"]
