"""manage.py create_registration_token -- make an initial access token; it is printed once."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from oauth_service import conf
from oauth_service.clients.registration import INITIAL_PREFIX
from oauth_service.management.recorded import RecordedCommand
from oauth_service.models import InitialAccessToken
from oauth_service.protocol import token_digest
from oauth_service.protocol.secret import Secret
from oauth_service.web.reports import redacted_reports

DAYS = 7
MOST_DAYS = 3_650
MOST_USES = 1_000_000


def _bounded(text: str, most: int) -> int:
    if not text.isdecimal() or not 1 <= int(text[:12]) <= most:
        raise ArgumentTypeError(f"{text!r} is not a number between 1 and {most}")
    return int(text)


def _days(text: str) -> int:
    return _bounded(text, MOST_DAYS)


def _uses(text: str) -> int:
    return _bounded(text, MOST_USES)


class Command(RecordedCommand):
    """Make an initial access token (RFC 7591 section 3)."""

    help = (
        "Create an initial access token for registering clients, and print it once. The admin lists and revokes them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="a name for the token; only staff see it")
        parser.add_argument("--days", type=_days, default=DAYS, help=f"how many days it is valid; {DAYS} by default")
        parser.add_argument("--uses", type=_uses, help="how many clients it can register; unlimited by default")

    @redacted_reports()
    def handle(self, *args: Any, **options: Any) -> None:
        if not conf.REGISTRATION():
            raise CommandError(f"Set {conf.REGISTRATION.name} first: no client registers itself here.")
        token = Secret(token_digest.new_token(INITIAL_PREFIX))
        made = InitialAccessToken.objects.create(
            name=options["name"][:100],
            digest=token_digest.digest_of(token),
            expires_at=timezone.now() + timedelta(days=options["days"]),
            uses_left=options["uses"],
        )
        changes = f"name: {made.name}\nexpires_at: {made.expires_at:%Y-%m-%d %H:%M}\nuses_left: {made.uses_left or ''}"
        self.announce("added", "initial access token", object_id=made.pk, changes=changes)
        self.stdout.write(token.reveal())
        self.stderr.write("The token is shown this once. Only its digest is kept.")
