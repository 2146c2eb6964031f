"""manage.py create_resource -- register an API that clients can request tokens for."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from oauth_service import conf
from oauth_service.management import clients
from oauth_service.management.recorded import RecordedCommand
from oauth_service.models import Resource
from oauth_service.models.resource import lines_of
from oauth_service.watch.doctor import facts, resources


class Command(RecordedCommand):
    """Register a resource."""

    help = "Register an API, so that clients can request tokens for this API only (RFC 8707)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("identifier", help="identifier of the API: an absolute URI without a fragment")
        parser.add_argument("--name", required=True, help="the name that users see when an app requests it")
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            metavar="NAME=WORDS",
            help="a scope with its description for users; can be repeated",
        )
        parser.add_argument(
            "--client", action="append", default=[], help="client_id of a client that may request it; can be repeated"
        )
        parser.add_argument("--for-all", action="store_true", help="every client may request it")
        parser.add_argument(
            "--token-format",
            choices=Resource.TokenFormat.values,
            default="opaque",
            help="format of its access tokens; opaque by default",
        )
        parser.add_argument(
            "--signing-alg", default="RS256", help="signature algorithm of its access tokens, if they are JWTs"
        )
        parser.add_argument(
            "--access-token-lifetime",
            type=clients.seconds,
            metavar="SECONDS",
            help="seconds; by default the server's setting",
        )
        parser.add_argument("--documentation-uri", default="", help="URL of its documentation for developers")
        parser.add_argument("--policy-uri", default="", help="URL of the rules on how an app may use its data")
        parser.add_argument("--tos-uri", default="", help="URL of its terms of service")

    def handle(self, *args: Any, **options: Any) -> None:
        if wordless := [each for each in options["scope"] if not all(each.partition("="))]:
            raise CommandError(f"--scope: {wordless[0]} must be NAME=WORDS.")
        chosen = [clients.by_id(client_id) for client_id in options["client"]]
        lifetime = options["access_token_lifetime"]
        resource = Resource(
            identifier=options["identifier"],
            name=options["name"],
            scopes=lines_of((name, words) for name, _, words in (each.partition("=") for each in options["scope"])),
            is_for_all=options["for_all"],
            token_format=options["token_format"],
            signing_alg=options["signing_alg"],
            documentation_uri=options["documentation_uri"],
            policy_uri=options["policy_uri"],
            tos_uri=options["tos_uri"],
            access_token_lifetime=None if lifetime is None else timedelta(seconds=lifetime),
        )
        try:
            resource.full_clean()
        except ValidationError as refusal:
            raise CommandError(clients.in_lines(refusal)) from refusal
        resource.save(force_insert=True)
        resource.clients.set(chosen)
        self.announce("added", "resource", object_id=resource.pk, changes=f"identifier: {resource.identifier}")
        for api in facts.of_resources(Resource.objects.filter(pk=resource.pk)):
            self.warn(resources.findings(api, has_keys=conf.is_openid()))
        self.stdout.write(f"Registered {resource.identifier}. Name it in protect(resource=...).")
