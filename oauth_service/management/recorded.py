"""Commands whose changes are events."""

from typing import Any

from django.core.management.base import BaseCommand

from .. import signals
from ..signals import RequestContext


class RecordedCommand(BaseCommand):
    """Base of every command of this app: what is announced while it runs says which command it was."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        name = type(self).__module__.rpartition(".")[2]
        with signals.within(RequestContext(by=f"command {name}")):
            return super().execute(*args, **options)

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
