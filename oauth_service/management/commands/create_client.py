"""manage.py create_client -- register a client application; its secret is printed once."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from oauth_service import conf
from oauth_service.models import Client
from oauth_service.protocol import client_authentication
from oauth_service.web.reports import nothing_reported


class Command(BaseCommand):
    """Register a client application."""

    help = "Register a client application and print its client_id, and once its client_secret."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", required=True, help="what people see when it asks them")
        parser.add_argument(
            "--redirect-uri", required=True, action="append", dest="redirect_uris", help="repeat it for each one"
        )
        parser.add_argument("--operator", default="", help="who runs it")
        parser.add_argument("--website", default="", help="its address, for people to see")
        parser.add_argument("--client-id", default="", help="instead of a random one")
        parser.add_argument(
            "--scope", default="", help="all it may ask for, separated by spaces; by default all there is"
        )
        parser.add_argument("--public", action="store_true", help="an app without a secret: on a device, in a browser")
        parser.add_argument("--native", action="store_true", help="on a device: any port of a loopback redirect URI")
        parser.add_argument(
            "--without-pkce", action="store_true", help="for a confidential client that cannot do PKCE (RFC 7636)"
        )

    @nothing_reported()
    def handle(self, *args: Any, **options: Any) -> None:
        if options["public"] and options["without_pkce"]:
            raise CommandError("A public client cannot do without PKCE: leave out --without-pkce.")
        scope = options["scope"] or " ".join(conf.SCOPES())
        if unknown := [name for name in scope.split() if name not in conf.SCOPES()]:
            raise CommandError(f"--scope: {conf.SCOPES.name} has no {', '.join(unknown)}.")
        client = Client(
            name=options["name"],
            operator=options["operator"],
            client_uri=options["website"],
            redirect_uris="\n".join(options["redirect_uris"]),
            scope=scope,
            client_type=Client.ClientType.PUBLIC if options["public"] else Client.ClientType.CONFIDENTIAL,
            application_type=Client.ApplicationType.NATIVE if options["native"] else Client.ApplicationType.WEB,
            requires_pkce=not options["without_pkce"],
        )
        if options["client_id"]:
            client.client_id = options["client_id"]
        secret = "" if client.is_public else client_authentication.new_secret()
        client.secret_hash = client_authentication.hash_of(secret) if secret else ""
        try:
            client.full_clean()
        except ValidationError as fault:
            raise CommandError(_in_lines(fault)) from fault
        client.save(force_insert=True)
        self.stdout.write(f"client_id      {client.client_id}")
        if secret:
            self.stdout.write(f"client_secret  {secret}")
            self.stdout.write("The secret is shown this once. Only its hash is kept.")


def _in_lines(fault: ValidationError) -> str:
    """Each message under the option that it is about."""
    options = {"redirect_uris": "redirect-uri", "client_uri": "website"}
    return "\n".join(
        f"--{options.get(field, field.replace('_', '-'))}: {message}"
        for field, messages in fault.message_dict.items()
        for message in dict.fromkeys(messages)  # a link is held against two rules with the same words
    )
