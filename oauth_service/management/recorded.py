"""Base class of commands whose changes are events."""

from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.utils import DatabaseError, InterfaceError

from .. import signals
from ..signals import RequestContext
from ..watch import readiness
from ..watch.doctor.finding import Finding, Level


class RecordedCommand(BaseCommand):
    """
    Base of every command of this app: events announced while it runs name the command.

    If the database is down or lacks our tables, the command prints one sentence and no traceback.
    """

    def execute(self, *args: Any, **options: Any) -> str | None:
        name = type(self).__module__.rpartition(".")[2]
        try:
            with signals.use_request_context(RequestContext(by=f"command {name}")):
                return super().execute(*args, **options)
        except (DatabaseError, InterfaceError) as fault:
            raise CommandError(_sentence_for(fault)) from None

    def announce(
        self, action: str, model: str, *, object_id: object = "", client_id: str = "", changes: str = ""
    ) -> None:
        """
        Announce a change by the command, unless a function that it calls announces it.

        Args:
            action: such as "added" or "changed".
            model: kind of the changed object; object_id identifies it.
            changes: before → after, without secrets.
        """
        about: dict[str, Any] = {"user_id": None, "client_id": client_id, "grant_id": None}
        facts = {"action": action, "model": model, "object_id": str(object_id), **about, "changes": changes}
        signals.announce(signals.administered, **facts)

    def warn(self, findings: Iterable[Finding]) -> None:
        """Write findings that oauth_doctor would report later to stderr, a line each."""
        for finding in findings:
            word = "Note" if finding.level is Level.NOTE else "Warning"
            self.stderr.write(self.style.WARNING(f"{word}: {finding.what} {finding.why} {finding.remedy}"))


def _sentence_for(fault: Exception) -> str:
    try:
        if missing := readiness.unapplied():
            return f"The database lacks migrations ({', '.join(missing[:3])}). Run manage.py migrate first."
    except (DatabaseError, InterfaceError):
        pass  # it does not answer at all
    return f"The database refused: {' '.join(str(fault).split())}."
