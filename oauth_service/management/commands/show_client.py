"""manage.py show_client -- show the registration of a client application."""

from argparse import ArgumentParser
from typing import Any

from oauth_service.management import clients
from oauth_service.management.output import write_json
from oauth_service.management.recorded import RecordedCommand


class Command(RecordedCommand):
    """Show one client application."""

    help = "Show the registration of a client application, in the terms of the specifications. No secret is printed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("client_id", help="the client")
        parser.add_argument("--json", action="store_true", help="print it as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        members = clients.members_of(clients.by_id(options["client_id"]))
        if options["json"]:
            write_json(self.stdout, members)
            return
        width = max(map(len, members))
        for name, value in members.items():
            lines = [str(each) for each in value] if isinstance(value, list) else [_in_words(value)]
            for position, line in enumerate(lines):
                self.stdout.write(f"{'' if position else name:{width}}  {line}")


def _in_words(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
