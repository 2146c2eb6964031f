"""manage.py oauth_doctor -- faults of this deployment, why they matter, and what to do; see docs/doctor.md."""

import json
import sys
from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import CommandError
from django.db.utils import Error
from django.shortcuts import resolve_url
from django.utils import timezone

from oauth_service import conf
from oauth_service.grant_types import offered
from oauth_service.management.recorded import RecordedCommand
from oauth_service.models import Resource
from oauth_service.watch.doctor import (
    facts,
    inside,
    key_sets,
    outbox,
    outside,
    registration,
    report,
    resources,
    servers,
    signing,
)
from oauth_service.watch.doctor.finding import Finding
from oauth_service.watch.doctor.survey import survey


class Command(RecordedCommand):
    """Check the deployment from inside, each of several servers with --server, and from outside with --url."""

    help = (
        "Check this deployment from inside; with --server, also each of its servers; with --url, also from outside. "
        "The exit status is 2 if there are errors, and 1 if there are warnings and --strict is given."
    )
    requires_system_checks = []  # the report includes them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", default="", help="the URL where apps and users reach it: its issuer")
        parser.add_argument(
            "--server",
            action="append",
            default=[],
            help="scheme, host and port of a server, asked directly instead of through the proxy; can be repeated",
        )
        parser.add_argument("--json", action="store_true", help="print the result as JSON")
        parser.add_argument("--strict", action="store_true", help="also fail if there are warnings")
        parser.add_argument("--timeout", type=float, default=10.0, help="timeout of each request in seconds")

    def handle(self, *args: Any, **options: Any) -> None:
        groups = {"Settings": list(facts.of_system_checks()), **_inside()}
        if options["server"]:
            groups["Servers"] = _servers(options["server"], timeout=options["timeout"])
        if options["url"]:
            groups["From outside"] = _outside(options["url"], timeout=options["timeout"])
        text = json.dumps(report.in_json(groups), indent=2) if options["json"] else report.in_words(groups)
        self.stdout.write(text)
        if status := report.exit_status(groups, strict=options["strict"]):
            sys.exit(status)


def _inside() -> dict[str, list[Finding]]:
    now = timezone.now()
    try:
        server = list(inside.findings(facts.of_inside(now=now)))
        signs_with = facts.of_signing(now=now)
        of_keys = list(signing.findings(signs_with, now=now)) if signs_with else []
        messages = list(outbox.findings(facts.of_outbox(), now=now))
        scopes = frozenset(conf.SCOPES()) | Resource.objects.scope_names()
        clients = [
            finding
            for client in facts.of_clients()
            for finding in registration.findings(
                client,
                scopes=scopes,
                grant_types=frozenset(offered()),
                is_production=not settings.DEBUG,
                now=now,
            )
        ]
        apis = [
            finding
            for api in facts.of_resources(Resource.objects.all())
            for finding in resources.findings(api, has_keys=conf.is_openid())
        ]
        of_others = [finding for holder in facts.of_key_sets() for finding in key_sets.findings(holder, now=now)]
    except Error as fault:
        return {"Server": [facts.no_database(fault)]}
    of_openid = {"Signing keys": of_keys, "Sign-outs": messages} if signs_with else {}
    return {
        "Server": server,
        **of_openid,
        "Clients": clients,
        **_unless_empty("APIs", apis),
        **_unless_empty("Keys of others", of_others),
    }


def _unless_empty(group: str, found: list[Finding]) -> dict[str, list[Finding]]:
    return {group: found} if found else {}


def _servers(urls: list[str], *, timeout: float) -> list[Finding]:
    for url in urls:
        _refuse_what_is_no_url("--server", url)
    found = facts.of_servers([url.rstrip("/") for url in urls], timeout=timeout, now=timezone.now())
    return list(servers.findings(list(found)))


def _refuse_what_is_no_url(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CommandError(f"{name} must be an http or https URL.")


def _outside(url: str, *, timeout: float) -> list[Finding]:
    _refuse_what_is_no_url("--url", url)
    login_url = resolve_url(settings.LOGIN_URL)
    return list(outside.findings(survey(url.rstrip("/"), issuer=conf.ISSUER(), login_url=login_url, timeout=timeout)))
