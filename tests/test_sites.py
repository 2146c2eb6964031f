"""The server's own site around the reusable app."""

import runpy
import socket

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client as Browser

from config.sites import ROOT, Sites, SitesError, running


def test_the_address_that_make_run_prints_leads_to_the_connected_apps() -> None:
    """Developers who open the address should not meet a 404."""
    response = Browser().get("/")
    assert (response.status_code, response["Location"]) == (302, "/manage-apps/")


def test_with_debug_it_is_for_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with a forgotten DEBUG=0 would sign sessions with a key that is public in this repository."""
    monkeypatch.setenv("DEBUG", "1")
    monkeypatch.setenv("OAUTH_SERVICE_ISSUER", "https://auth.example.com")
    with pytest.raises(ImproperlyConfigured, match="Set DEBUG=0"):
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


def test_other_ports_are_for_developers_whose_ports_are_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS uses port 5000. Other ports need other databases, because the client is registered with its port."""
    assert Sites.chosen() == Sites()
    monkeypatch.setenv("SERVER_PORT", "8100")
    chosen = Sites.chosen()
    assert (chosen.server_url, chosen.client_url) == ("http://localhost:8100", "http://127.0.0.1:5000")
    assert chosen.state_dir != Sites().state_dir


@pytest.mark.parametrize("text", ["0", "65536", "http", "-1", "²"])
def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Developers should not have to search for the mistake in a traceback."""
    monkeypatch.setenv("CLIENT_PORT", text)
    with pytest.raises(SitesError, match=r"^CLIENT_PORT is .* must be a number from 1 to 65535\.$"):
        Sites.chosen()


def test_the_message_about_a_port_in_use_names_the_way_out() -> None:
    """The first command of README fails for developers who use port 8000 for their own project."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with (
            pytest.raises(SitesError, match=rf"^Port {port} is in use\..* SERVER_PORT="),
            running(Sites(server_port=port)),
        ):
            raise AssertionError("the block must not be entered")
