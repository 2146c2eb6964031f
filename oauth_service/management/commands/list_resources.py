"""manage.py list_resources -- every API, one a line."""

from argparse import ArgumentParser
from typing import Any

from oauth_service.management.output import write_json, write_table
from oauth_service.management.recorded import RecordedCommand
from oauth_service.models import Resource

COLUMNS = ("identifier", "name", "scopes", "clients", "active")


class Command(RecordedCommand):
    """List the resources."""

    help = "List the registered APIs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print them as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        found: list[dict[str, Any]] = [
            {
                "identifier": each.identifier,
                "name": each.name,
                "scopes": each.words(),
                "clients": "all" if each.is_for_all else sorted(client.client_id for client in each.clients.all()),
                "documentation_uri": each.documentation_uri,
                "policy_uri": each.policy_uri,
                "tos_uri": each.tos_uri,
                "is_active": each.is_active,
            }
            for each in Resource.objects.order_by("identifier").prefetch_related("clients")
        ]
        if options["json"]:
            write_json(self.stdout, found)
            return
        rows = [
            (
                *(str(each["identifier"]), str(each["name"]), " ".join(each["scopes"])),
                each["clients"] if isinstance(each["clients"], str) else " ".join(each["clients"]),
                "yes" if each["is_active"] else "no",
            )
            for each in found
        ]
        write_table(self.stdout, COLUMNS, rows)
