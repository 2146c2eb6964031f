"""manage.py oauth_keys -- see, rotate, import and retire the keys that sign ID tokens; see docs/keys.md."""

import sys
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from oauth_service import conf
from oauth_service.management.output import write_json, write_table
from oauth_service.management.recorded import RecordedCommand
from oauth_service.protocol.errors import TemporarilyUnavailable
from oauth_service.protocol.jwt import ALGORITHMS
from oauth_service.tokens import keys
from oauth_service.tokens.keys import CannotRotate, KeyState

COLUMNS = ("kid", "algorithm", "state", "signs_from", "signs_until", "published_until", "source")


class Command(RecordedCommand):
    """Operations on signing keys. Private parts are never printed."""

    help = "List, rotate, import and retire the keys that sign ID tokens. The server creates and rotates keys automatically."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="list all published keys and their use")
        listing.add_argument("--json", action="store_true", help="print JSON, with the public keys")
        rotating = actions.add_parser(
            "rotate", help="create the next key now; it is published for a day before it signs"
        )
        importing = actions.add_parser("import", help="import your own private key as the next one")
        importing.add_argument("file", help="PEM file; - for standard input")
        for each in (rotating, importing):
            each.add_argument(
                "--algorithm", choices=ALGORITHMS, default="", help="algorithm; by default all, or the one of the PEM"
            )
            each.add_argument(
                "--now", action="store_true", help="sign with it at once; some clients may not have it yet"
            )
        retiring = actions.add_parser("retire", help="delete a key at once, because someone else has it")
        retiring.add_argument("kid", help="its ID in the list; everything it signed will be refused")

    def handle(self, *args: Any, **options: Any) -> None:
        if not conf.is_openid():
            raise CommandError(f"OpenID Connect is off: there is no openid in {conf.SCOPES.name}.")
        try:
            getattr(self, f"_{options['action']}")(options, timezone.now())
        except CannotRotate as refusal:
            raise CommandError(str(refusal)) from refusal
        except TemporarilyUnavailable as refusal:
            raise CommandError(f"{refusal.detail}.") from refusal

    def _list(self, options: dict[str, Any], now: datetime) -> None:
        found = keys.key_states(now)
        if options["json"]:
            write_json(self.stdout, [_members(each) | {"jwk": dict(each.key.public.jwk)} for each in found])
            return
        rows = [tuple(_members(each)[column] or "-" for column in COLUMNS) for each in found]
        write_table(self.stdout, COLUMNS, rows)

    def _rotate(self, options: dict[str, Any], now: datetime) -> None:
        for algorithm in [options["algorithm"]] if options["algorithm"] else keys.algorithms():
            self._tell(keys.rotate(algorithm, now=now, at_once=options["now"]), now)

    def _import(self, options: dict[str, Any], now: datetime) -> None:
        try:
            pem = sys.stdin.read() if options["file"] == "-" else Path(options["file"]).read_text()
        except (OSError, UnicodeDecodeError) as fault:
            raise CommandError(f"{options['file']} cannot be read: {type(fault).__name__}.") from None
        key = keys.read_pem(pem, options["algorithm"])
        del pem
        self._tell(keys.rotate(key.public.algorithm, now=now, at_once=options["now"], key=key), now)

    def _retire(self, options: dict[str, Any], now: datetime) -> None:
        successor = keys.retire(options["kid"], now=now)
        self.stdout.write(f"{options['kid']} is retired. What it has signed is refused, here within half a minute.")
        self.stdout.write(
            "Clients believe it until they ask for /jwks/ again: ten minutes, where they obey its Cache-Control."
        )
        if successor:
            self._tell(successor, now)

    def _tell(self, key: keys.HeldKey, now: datetime) -> None:
        when = f"from {_moment(key.signs_from)}" if key.signs_from > now else "now"
        self.stdout.write(f"{key.kid} signs {when}.")


def _members(each: KeyState) -> dict[str, Any]:
    key = each.key
    is_row = key.source == "database"
    return {
        "kid": key.kid,
        "algorithm": key.algorithm,
        "state": each.state.value,
        "made": _moment(key.created_at) if is_row else "",
        "signs_from": _moment(key.signs_from) if is_row else "",
        "signs_until": _moment(key.signs_until),
        "published_until": _moment(key.purge_at),
        "source": key.source,
    }


def _moment(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""
