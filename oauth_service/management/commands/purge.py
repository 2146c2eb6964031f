"""manage.py purge -- delete all dead rows now. Servers sweep by themselves, so this need not be scheduled."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from oauth_service.management.recorded import RecordedCommand
from oauth_service.models.purge import forget_the_deleted, sweep, sweep_void


class Command(RecordedCommand):
    """Delete expired and orphaned rows in batches, and remove users who no longer exist from the audit trail."""

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
        while deleted := sweep_void(batch=options["batch"]):  # last, because it looks at all remaining rows
            count += deleted
        forgotten = 0
        while found := forget_the_deleted(batch=options["batch"]):
            forgotten += found
        if count or forgotten:
            self.announce("purged", "rows", changes=f"{count} deleted, {forgotten} events without their user")
        self.stdout.write(f"{count} {'row' if count == 1 else 'rows'} deleted.")
