"""manage.py oauth_restored -- end everything that a restored backup has revived; see docs/backups.md."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from oauth_service import documentation
from oauth_service.management.recorded import RecordedCommand
from oauth_service.watch import restored

WARNING = """\
Everything that was issued before ends: codes, tokens and consents, signing keys, and the sessions of this project.
People sign in again and connect their apps again.
"""
AFTERWARDS = """\
Clients and accounts are as they were at the backup. What was changed since has to be changed again: secrets that were rotated
(manage.py rotate_secret), clients that were switched off, passwords, accounts that were closed.
"""


class Command(RecordedCommand):
    """End all that was issued before a backup was restored."""

    help = "End all codes, tokens, consents, signing keys and sessions after a backup of the database was restored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--noinput", "--no-input", action="store_true", help="do not ask for confirmation")
        parser.add_argument(
            "--keep-sessions", action="store_true", help="keep the sessions, so that users stay signed in"
        )
        parser.add_argument(
            "--keep-signing-keys",
            action="store_true",
            help="keep the signing keys; only if none was retired after the backup",
        )
        parser.add_argument(
            "--end-client-secrets",
            action="store_true",
            help="end all client secrets; if one was rotated after the backup because someone else had it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["noinput"]:
            self._ask()
        ended = restored.end(
            keeps_sessions=options["keep_sessions"],
            keeps_signing_keys=options["keep_signing_keys"],
            ends_client_secrets=options["end_client_secrets"],
        )
        self.stdout.write(f"Consents that ended, with all codes and tokens: {ended.consents}")
        self.stdout.write(f"Client secrets that ended: {ended.clients}")
        if not options["keep_signing_keys"]:
            self.stdout.write(f"Signing keys that ended: {ended.signing_keys}")
        if ended.sessions is not None:
            self.stdout.write(f"Sessions that ended: {ended.sessions}")
        elif not options["keep_sessions"]:
            self.stdout.write("Sessions are not in the database, and go on.")
        self.stdout.write(f"{AFTERWARDS}The whole list: see {documentation.page('backups')}.")

    def _ask(self) -> None:
        self.stdout.write(WARNING)
        if not sys.stdin.isatty():
            raise CommandError("There is no terminal to ask for confirmation: use --noinput.")
        if input("Type “yes” to go on: ").strip() != "yes":
            raise CommandError("Nothing was changed.")
