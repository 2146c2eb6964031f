"""manage.py trust_issuer -- trust the JWTs of another issuer, or list the trusted issuers."""

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from oauth_service.clients import key_sets
from oauth_service.management import clients
from oauth_service.management.output import write_table
from oauth_service.management.recorded import RecordedCommand
from oauth_service.models import TrustedIssuer
from oauth_service.protocol.issuer_jwt import TYPES
from oauth_service.watch.doctor import facts
from oauth_service.watch.doctor.key_sets import findings as findings_of_keys

COLUMNS = ("issuer", "purposes", "clients", "active")


class Command(RecordedCommand):
    """Trust the JWTs of another issuer."""

    help = "Trust the JWTs of another issuer. Without arguments, list the trusted issuers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("issuer", nargs="?", help="the issuer, exactly as in its JWTs (iss)")
        parser.add_argument(
            "--purpose", action="append", choices=list(TYPES), help="what to trust it for; can be repeated"
        )
        parser.add_argument(
            "--client", action="append", default=[], help="client_id of a client that may send them; can be repeated"
        )
        parser.add_argument("--jwks", default="", metavar="JSON", help="its public keys, a JWK set")
        parser.add_argument("--jwks-uri", default="", help="https URL of its public keys, instead of --jwks")
        parser.add_argument(
            "--algorithm",
            action="append",
            help="accepted signature algorithm; RS256 and ES256 by default; can be repeated",
        )
        parser.add_argument(
            "--audience", default="", help="for token exchange: an accepted audience other than this server"
        )
        parser.add_argument(
            "--stands-for-consent", action="store_true", help="its users do not have to allow the client themselves"
        )
        parser.add_argument(
            "--tokens-end-with-jwt", action="store_true", help="no access token outlasts the JWT it was issued for"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["issuer"]:
            self._list()
            return
        chosen = [clients.by_id(client_id).client_id for client_id in options["client"]]
        issuer = TrustedIssuer(
            issuer=options["issuer"],
            purposes=" ".join(options["purpose"] or ()),
            clients="\n".join(chosen),
            jwks=options["jwks"],
            jwks_uri=options["jwks_uri"],
            audience=options["audience"],
            stands_for_consent=options["stands_for_consent"],
            tokens_end_with_jwt=options["tokens_end_with_jwt"],
        )
        if options["algorithm"]:
            issuer.algorithms = " ".join(options["algorithm"])
        clients.refuse_faults(issuer, key_sets.fault_of_issuer)
        issuer.save(force_insert=True)
        changes = f"purposes: {issuer.purposes}\nclients: {' '.join(chosen)}"
        self.announce("added", "trusted issuer", object_id=issuer.pk, changes=changes)
        self.warn(findings_of_keys(facts.holder_of(issuer), now=timezone.now()))
        self.stdout.write(f"JWTs of {issuer.issuer} are believed.")

    def _list(self) -> None:
        found = TrustedIssuer.objects.order_by("issuer")
        rows = [
            (
                issuer.issuer,
                issuer.purposes,
                " ".join(issuer.clients.split()),
                "yes" if issuer.is_active else "no",
            )
            for issuer in found
        ]
        write_table(self.stdout, COLUMNS, rows)
