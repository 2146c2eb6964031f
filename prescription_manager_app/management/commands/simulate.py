"""manage.py simulate -- the nine steps of the lifecycle guide, or another flow, played and checked over real HTTP."""

import contextlib
import os
import signal
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError

from config.demo import cast
from config.processes import is_listening
from config.sites import Sites, SitesError, prepare, running
from prescription_manager_app.conf import Registration, registration
from simulation.flows import FLOWS
from simulation.har import har
from simulation.markdown import markdown
from simulation.masking import mask
from simulation.play import play
from simulation.script import Script
from simulation.stage import Deviation, Stage
from simulation.steps import GUIDE
from simulation.transcript import Transcript

LOG_LINES = 20


class Command(BaseCommand):
    help = (
        "Play one way to get tokens over real HTTP, browser and all, and check every message. "
        "Without --server-url both sites of this repository take part; they are started if they are not running. "
        "A play with a person ends with deauthorisation, which also ends their earlier connections with its client. "
        "The other flows use the clients that docs/demo.md lists; another server must have registered them."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--flow",
            choices=[GUIDE.name, *FLOWS],
            default=GUIDE.name,
            help="what is played (default: %(default)s, the nine steps of the lifecycle guide)",
        )
        parser.add_argument("--server-url", help="another authorization server: its issuer URL; nothing is started")
        parser.add_argument("--client-id", help=f"of the client of the flow {GUIDE.name}")
        parser.add_argument("--client-secret", help="better in the environment: OAUTH_CLIENT_SECRET")
        parser.add_argument("--redirect-uri", help="as the client has registered it; it is never opened")
        parser.add_argument("--username", default="alice", help="who signs in (default: %(default)s)")
        parser.add_argument("--password", help="better in the environment: SIMULATE_PASSWORD")
        parser.add_argument("--markdown", dest="markdown_file", type=Path, metavar="FILE", help="write the run down")
        parser.add_argument("--har", dest="har_file", type=Path, metavar="FILE", help="write it as an HTTP Archive")
        parser.add_argument("--reveal", action="store_true", help="show tokens and secrets, in the files too")

    def handle(
        self,
        *,
        flow: str,
        server_url: str | None,
        client_id: str | None,
        client_secret: str | None,
        redirect_uri: str | None,
        username: str,
        password: str | None,
        markdown_file: Path | None,
        har_file: Path | None,
        reveal: bool,
        **options: object,
    ) -> None:
        if flow != GUIDE.name and (client_id or client_secret or redirect_uri):
            raise CommandError(
                f"--client-id, --client-secret and --redirect-uri are for the flow {GUIDE.name}: "
                "the other flows use the clients that docs/demo.md lists."
            )
        registered = registration()
        sites = None if server_url else sites_of(registered)
        issuer = (server_url or registered.issuer).rstrip("/")
        password = password or os.environ.get("SIMULATE_PASSWORD", "wonderland")
        script = Script(
            server_url=issuer,
            # The app only plays its own client: it does not know the id and redirect_uri of another.
            client_url=sites.client_url if sites and not (client_id or redirect_uri) else "",
            client_id=client_id or registered.client_id,
            client_secret=client_secret or registered.client_secret,
            redirect_uri=redirect_uri or registered.redirect_uri,
            username=username,
            password=password,
        )
        told, perform = FLOWS.get(flow, (GUIDE, None))
        transcript = Transcript(
            self.stdout.write, flow=told, reveal=reveal, heading=self.style.MIGRATE_HEADING, kept=self.style.SUCCESS
        )
        # No proxy for sites on this machine.
        with at_hand(sites), Stage(transcript, flow=told, use_proxies=sites is None) as stage:
            try:
                if perform:
                    perform(cast.cast(server_url=issuer, username=username, password=password), stage)
                else:
                    play(script, stage)
            except Deviation as deviation:
                raise CommandError(str(deviation)) from deviation
            finally:
                if markdown_file:
                    markdown_file.write_text(markdown(stage.exchanges, flow=told, reveal=reveal), encoding="utf-8")
                if har_file:
                    har_file.write_text(har(stage.exchanges, reveal=reveal), encoding="utf-8")
        summary = f"{len(stage.exchanges)} requests, {transcript.promises_kept} promises kept"
        self.stdout.write(self.style.SUCCESS(f"\n{told.outcome}: {summary}."))


def sites_of(registered: Registration) -> Sites | None:
    """The two sites of this repository, at the addresses in the settings; None if the server is on another machine."""
    server, client = urlsplit(registered.issuer), urlsplit(registered.redirect_uri)
    if server.hostname != "localhost" or client.hostname != "127.0.0.1":
        return None
    return Sites(server_port=server.port or 80, client_port=client.port or 80)


@contextlib.contextmanager
def at_hand(sites: Sites | None) -> Iterator[None]:
    """
    Make sure that the sites run until the block ends. Starts them, with new databases, if they do not run yet.

    Raises:
        CommandError: only one of the two runs, or they could not be started; it ends with the last lines of their log.
    """
    if sites is None or (is_listening(sites.server_port) and is_listening(sites.client_port)):
        yield
        return
    # `kill` ends the sites as Ctrl-C does.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="simulate-") as folder:
        ours = Sites(server_port=sites.server_port, client_port=sites.client_port, state_dir=Path(folder))
        log_file = Path(folder) / "sites.log"
        try:
            with log_file.open("w", encoding="utf-8") as log:
                prepare(ours)
                with running(ours, output=log):
                    yield
        except SitesError as problem:
            last_lines = log_file.read_text(encoding="utf-8").splitlines()[-LOG_LINES:]
            raise CommandError("\n".join([str(problem), *map(mask, last_lines)])) from problem
        finally:
            signal.signal(signal.SIGTERM, before)
