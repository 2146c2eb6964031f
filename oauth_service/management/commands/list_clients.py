"""manage.py list_clients -- every client application, one a line."""

from argparse import ArgumentParser
from typing import Any

from oauth_service.management import clients
from oauth_service.management.output import write_json, write_table
from oauth_service.management.recorded import RecordedCommand
from oauth_service.models import Client

COLUMNS = ("client_id", "name", "type", "active")


class Command(RecordedCommand):
    """List the client applications."""

    help = "List the client applications. No secret is printed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the complete metadata of each client as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        found = Client.objects.order_by("name", "pk")
        if options["json"]:
            write_json(self.stdout, [clients.members_of(client) for client in found])
            return
        rows = [
            (client.client_id, client.name, client.client_type, "yes" if client.is_active else "no") for client in found
        ]
        write_table(self.stdout, COLUMNS, rows)
