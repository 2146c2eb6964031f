"""manage.py rotate_secret -- give a client application a new secret; it is printed once."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from oauth_service.clients import key_sets
from oauth_service.management import clients
from oauth_service.management.output import write_json
from oauth_service.management.recorded import RecordedCommand
from oauth_service.models import Client
from oauth_service.watch.doctor import facts, registration
from oauth_service.watch.doctor.finding import Level
from oauth_service.web.reports import redacted_reports


class Command(RecordedCommand):
    """Rotate the secret of a client application."""

    help = (
        "Give a client application a new secret and print it once. The previous secret stays valid until it is ended."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("client_id", help="the client")
        parser.add_argument("--json", action="store_true", help="print the client with its new secret as JSON")
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            "--at-once", action="store_true", help="end all earlier secrets now, because someone else has one"
        )
        which.add_argument("--end-previous", action="store_true", help="do not create a secret; end all but the newest")

    @redacted_reports()
    def handle(self, *args: Any, **options: Any) -> None:
        client = clients.by_id(options["client_id"])
        if client.is_public:
            raise CommandError(f"{client.client_id} is a public client: it has no secret.")
        if not client.uses_secret:
            raise CommandError(f"{client.client_id} signs with a key of its own: it has no secret.")
        if client.seals_secret and not key_sets.is_available():
            raise CommandError("Install django-oauth-service[oidc] first: it encrypts the secret.")
        secret = "" if options["end_previous"] else Client.objects.rotate_secret(client)
        if options["at_once"] or options["end_previous"]:
            Client.objects.end_previous_secret(client)
        done = [
            bool(secret) * "secret rotated",
            (options["at_once"] or options["end_previous"]) * "earlier secrets ended",
        ]
        changes = ", ".join(filter(None, done))
        self.announce("changed", "client", object_id=client.pk, client_id=client.client_id, changes=changes)
        # The output below reports two valid secrets itself, so the note about them is left out.
        found = registration.secret_findings(facts.registration_of(client, has_consents=True))
        self.warn(finding for finding in found if finding.level is not Level.NOTE)
        if options["json"]:
            write_json(self.stdout, clients.members_of(client, secret=secret))
            return
        if secret:
            self.stdout.write(f"client_secret  {secret}")
            self.stdout.write(clients.how_secret_is_kept(client))
        self.stdout.write(
            "The previous secret stays valid until you run this command with --end-previous."
            if client.previous_secret_hash
            else "Earlier secrets are no longer accepted."
        )
