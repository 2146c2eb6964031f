"""Commands whose changes are events."""

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
    Base of every command of this app: what is announced while it runs says which command it was.

    A database that is down or lacks our tables is one sentence, not a traceback.
    """

    def execute(self, *args: Any, **options: Any) -> str | None:
        name = type(self).__module__.rpartition(".")[2]
        try:
            with signals.within(RequestContext(by=f"command {name}")):
                return super().execute(*args, **options)
        except (DatabaseError, InterfaceError) as fault:
            raise CommandError(_sentence_for(fault)) from None

    def announce(
        self, action: str, model: str, *, object_id: object = "", client_id: str = "", changes: str = ""
    ) -> None:
        """
        Tell what the command has changed, unless something that it calls does.

        Args:
            action: such as "added" or "changed".
            model: what it was done to; object_id says which.
            changes: before → after, without secrets.
        """
        about: dict[str, Any] = {"user_id": None, "client_id": client_id, "grant_id": None}
        facts = {"action": action, "model": model, "object_id": str(object_id), **about, "changes": changes}
        signals.announce(signals.administered, **facts)

    def warn(self, findings: Iterable[Finding]) -> None:
        """Say on stderr now what oauth_doctor would find later, a line each."""
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
