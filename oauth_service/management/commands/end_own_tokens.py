"""manage.py end_own_tokens -- end every access token that a client application has for itself."""

from argparse import ArgumentParser
from typing import Any

from oauth_service.management import clients
from oauth_service.management.recorded import RecordedCommand
from oauth_service.models import Client


class Command(RecordedCommand):
    """End a client's own tokens."""

    help = "End all access tokens that a client application got with client credentials. It can get new ones at once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("client_id", help="the client")

    def handle(self, *args: Any, **options: Any) -> None:
        client = clients.by_id(options["client_id"])
        Client.objects.end_own_tokens(client)
        self.announce(
            "changed", "client", object_id=client.pk, client_id=client.client_id, changes="its own tokens ended"
        )
        self.stdout.write("Ended. To keep it from getting new ones, rotate its secret, too, or deactivate it.")
