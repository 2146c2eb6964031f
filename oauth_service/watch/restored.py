"""
The command after a backup was restored: end everything that it revived, and the project's sessions (docs/backups.md).
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django.conf import settings

from .. import database, signals
from ..models import Client, Consent, SigningKey
from ..models.restored import end_what_was_restored
from ..tokens import keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The number of ended things. sessions is None if they are not in the database, or were to be kept."""

    consents: int
    clients: int
    signing_keys: int
    sessions: int | None


def end(*, keeps_sessions: bool, keeps_signing_keys: bool, ends_client_secrets: bool) -> Ended:
    """End everything that was issued before, and announce it (backup_restored)."""

    def run() -> Ended:
        rows = end_what_was_restored(keeps_signing_keys=keeps_signing_keys, ends_client_secrets=ends_client_secrets)
        ended = Ended(
            consents=rows[Consent],
            clients=rows[Client],
            signing_keys=rows.get(SigningKey, 0),
            sessions=None if keeps_sessions else _end_sessions(),
        )
        signals.announce(signals.backup_restored, reason=_in_words(ended))
        return ended

    ended = database.run_transaction(run)
    keys.forget()
    return ended


def _end_sessions() -> int | None:
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore
    if not hasattr(store, "get_model_class"):
        return None  # not in the database, and so not in its backup
    model = store.get_model_class()
    rows: Any = model._default_manager.using(database.primary(model)).all()
    return int(rows._raw_delete(rows.db))


def _in_words(ended: Ended) -> str:
    counts = f"{ended.consents} consents, {ended.clients} client secrets, {ended.signing_keys} signing keys"
    return counts if ended.sessions is None else f"{counts}, {ended.sessions} sessions"
