"""manage.py purge -- delete all dead rows now; servers sweep by themselves, so nobody has to schedule this."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from oauth_service.management.recorded import RecordedCommand
from oauth_service.models.purge import forget_the_deleted, sweep, sweep_void


class Command(RecordedCommand):
    """Delete every row whose time is over or whose consent is gone, and users who are gone from the audit trail, in batches."""

    help = (
        "Delete expired and orphaned codes and grants, and expired revocations. The server also does this by itself. "
        "Also remove users who were deleted with SQL, bypassing Django, from the audit trail."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--batch", type=int, default=5_000, help="how many rows of a table to delete in one transaction"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["batch"] < 1:
            raise CommandError("--batch must be one or more.")
        now, count = timezone.now(), 0
        while deleted := sweep(now=now, batch=options["batch"], everywhere=True):
            count += deleted
        while deleted := sweep_void(batch=options["batch"]):  # at the end, as it looks at all that is left
            count += deleted
        forgotten = 0
        while found := forget_the_deleted(batch=options["batch"]):
            forgotten += found
        if count or forgotten:
            self.announce("purged", "rows", changes=f"{count} deleted, {forgotten} events without their user")
        self.stdout.write(f"{count} {'row' if count == 1 else 'rows'} deleted.")
