"""manage.py purge -- delete all dead rows now; servers sweep by themselves, so nobody has to schedule this."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from oauth_service.models.purge import sweep


class Command(BaseCommand):
    """Delete every row whose time is over, in batches."""

    help = "Delete expired codes, grants and revocations. The server does it by itself while it works."

    def handle(self, *args: Any, **options: Any) -> None:
        now, count = timezone.now(), 0
        while deleted := sweep(now=now, batch=5_000):
            count += deleted
        self.stdout.write(f"{count} rows deleted.")
