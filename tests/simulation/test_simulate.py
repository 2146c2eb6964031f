"""manage.py simulate over real HTTP: its output, its files, its exit, and the sites it starts."""

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path

import httpx
import pytest
from django.core.management import CommandError, call_command

from config.sites import Sites, SitesError
from prescription_manager_app.conf import Registration
from prescription_manager_app.management.commands import simulate
from tests.simulation.guide_server import PASSWORD, REQUEST, SECRET, GuideServer
from tests.simulation.test_deviations import RevokesNothing


@contextmanager
def on_the_air(server: GuideServer) -> Iterator[str]:
    """Serve on a free port; yield the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = httpx.Request(
                self.command, f"{server.url}{self.path}", headers=self.headers.items(), content=body
            )
            response = server(request)
            self.send_response(response.status_code)
            for name, value in response.headers.multi_items():
                if name != "content-length":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.content)))
            self.end_headers()
            self.wfile.write(response.content)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        server.url = f"http://localhost:{listening.server_port}"
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        try:
            yield server.url
        finally:
            listening.shutdown()


def simulated(server: GuideServer, **options: object) -> str:
    """Output of the command for a play on the server."""
    printed = StringIO()
    with on_the_air(server) as url:
        call_command(
            simulate.Command(),
            server_url=url,
            client_id=REQUEST["client_id"],
            redirect_uri=REQUEST["redirect_uri"],
            stdout=printed,
            no_color=True,
            **{"client_secret": SECRET, "password": PASSWORD, **options},
        )
    return printed.getvalue()


def test_the_nine_steps_are_printed_and_checked() -> None:
    """People who try the project see this output first."""
    printed = simulated(GuideServer())
    assert [number for number in range(1, 10) if f"\nSTEP {number}: " not in printed] == []
    assert "--- [REQUEST] ---\nPOST /token/ HTTP/1.1\n" in printed
    assert "  ok  Cache-Control: no-store\n" in printed
    assert "The lifecycle is as the guide says: " in printed
    assert "\x1b" not in printed


def test_what_is_printed_is_masked() -> None:
    """Terminals are shared, recorded and scrolled back."""
    printed = simulated(GuideServer())
    assert (SECRET in printed, PASSWORD in printed) == (False, False)


def test_secrets_are_printed_when_asked_for() -> None:
    """Debugging needs the real values."""
    assert SECRET in simulated(GuideServer(), reveal=True)


def test_a_deviation_ends_the_command_with_its_step() -> None:
    """CommandError is a non-zero exit status, so that CI stops."""
    with pytest.raises(CommandError, match=r"Step 9, .* deviates\.\n  expected: 401 Unauthorized\n  came:     200 OK"):
        simulated(RevokesNothing())


def test_the_run_is_written_down(tmp_path: Path) -> None:
    """Both files hold the same run."""
    simulated(GuideServer(), markdown_file=tmp_path / "run.md", har_file=tmp_path / "run.har")
    assert "sequenceDiagram" in (tmp_path / "run.md").read_text()
    assert len(json.loads((tmp_path / "run.har").read_text())["log"]["entries"]) > 20


def test_a_run_that_deviates_is_written_down_as_far_as_it_went(tmp_path: Path) -> None:
    """A failed run is the one that needs a look."""
    with pytest.raises(CommandError):
        simulated(RevokesNothing(), markdown_file=tmp_path / "run.md")
    assert "POST /oauth/revoke/" in (tmp_path / "run.md").read_text()


def test_the_password_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process of the machine can read the command line."""
    monkeypatch.setenv("SIMULATE_PASSWORD", "not-hers")
    with pytest.raises(CommandError, match="Step 2"):
        simulated(GuideServer(), password=None)


# The two sites


def registered(issuer: str, redirect_uri: str) -> Registration:
    return Registration(issuer=issuer, client_id="a", client_secret="b", redirect_uri=redirect_uri, scope="c")


def test_the_two_sites_are_where_the_settings_have_them() -> None:
    """Other ports are set in the environment, for both sites and for the play."""
    sites = simulate.sites_of(registered("http://localhost:8123", "http://127.0.0.1:5123/callback"))
    assert sites is not None
    assert (sites.server_url, sites.client_url) == ("http://localhost:8123", "http://127.0.0.1:5123")


def test_a_server_on_another_machine_is_not_started() -> None:
    """The command must not start a server for another machine."""
    assert simulate.sites_of(registered("https://id.example.com", "https://app.example.com/callback")) is None


def test_sites_that_run_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The play then visits the running sites, whose databases stay as they are."""
    started: list[Sites] = []
    monkeypatch.setattr(simulate, "is_listening", lambda port: True)
    monkeypatch.setattr(simulate, "prepare", started.append)
    with simulate.at_hand(Sites()):
        assert started == []


def test_sites_that_do_not_run_are_started_with_databases_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The play ends with deauthorisation, which must not end a developer's connections in var/."""
    started: list[Sites] = []

    @contextmanager
    def running(sites: Sites, *, output: object) -> Iterator[None]:
        started.append(sites)
        yield

    monkeypatch.setattr(simulate, "is_listening", lambda port: False)
    monkeypatch.setattr(simulate, "prepare", started.append)
    monkeypatch.setattr(simulate, "running", running)
    before = signal.getsignal(signal.SIGTERM)
    with simulate.at_hand(Sites(server_port=8123, client_port=5123)):
        prepared, ran = started
        assert (prepared, ran.server_port, ran.client_port) == (ran, 8123, 5123)
        assert ran.state_dir != Sites().state_dir
        assert ran.state_dir.is_dir()
    assert not ran.state_dir.exists()
    assert signal.getsignal(signal.SIGTERM) == before


def test_sites_that_cannot_start_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is deleted with its directory, so the message includes its last lines, without secrets."""

    @contextmanager
    def running(sites: Sites, *, output: StringIO) -> Iterator[None]:
        output.write("no such table\nGET /callback?code=SPL__a-Random-UrlSafe-String-1234\n")
        output.flush()
        if output.writable():
            raise SitesError("the site on port 8123 did not start")
        yield

    monkeypatch.setattr(simulate, "is_listening", lambda port: False)
    monkeypatch.setattr(simulate, "prepare", lambda sites: None)
    monkeypatch.setattr(simulate, "running", running)
    with (
        pytest.raises(CommandError, match=r"(?s)did not start\nno such table\n.*SPL__a-Ra\.\.\.1234"),
        simulate.at_hand(Sites(server_port=8123, client_port=5123)),
    ):
        raise AssertionError("the block must not be entered")
