"""
python -m benchmarks.subjects.trail_pages EVENTS -- fill a database with events, request each page, print the cost.
"""

import json
import statistics
import sys
import time
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client as Browser  # noqa: E402
from django.test.utils import CaptureQueriesContext, override_settings  # noqa: E402
from django.utils import timezone  # noqa: E402

from oauth_service.models import AuditEvent, Client  # noqa: E402

from ..trail import PAGES  # noqa: E402

TIMES = 5
PEOPLE = 1_000
DAYS = 90
TABLE = AuditEvent._meta.db_table


def main(events: int) -> None:
    """Print the fields of a Run as JSON."""
    call_command("migrate", verbosity=0)
    users = get_user_model()
    root = users.objects.create_superuser("root", "root@example.com", "root")
    busy = users.objects.create(username="busy")
    people = users.objects.bulk_create([users(username=f"person{number}") for number in range(PEOPLE)])
    Client.objects.create(client_id="busy-app", name="Busy", redirect_uris="https://app.example.com/callback")
    Client.objects.create(client_id="other-app", name="Other", redirect_uris="https://other.example.com/callback")
    fill(events, busy=busy.pk, first=people[0].pk)
    # Without the manifest of `collectstatic`, which a production server needs but a page's statements do not.
    plain = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    override_settings(STORAGES={**settings.STORAGES, **plain}).enable()
    browsers = {"/admin/": Browser(), "/": Browser()}
    browsers["/admin/"].force_login(root)
    browsers["/"].force_login(busy)
    middle = AuditEvent.objects.get(pk=events // 2)
    found: dict[str, dict[str, float]] = {"first": {}, "median": {}, "fastest": {}, "statements": {}}
    for name, page in PAGES.items():
        url = page.format(middle=middle.at.strftime("%Y-%m-%dT%H:%M:%S"), pk=middle.pk, user=busy.pk)
        browser = browsers["/admin/" if url.startswith("/admin/") else "/"]
        found["first"][name] = took(browser, url)
        times = [took(browser, url) for _ in range(TIMES)]
        found["median"][name], found["fastest"][name] = statistics.median(times), min(times)
        with CaptureQueriesContext(connection) as statements:
            took(browser, url)
        found["statements"][name] = len(statements)
    print(json.dumps({"size": size(), **found}))


def took(browser: Browser, url: str) -> float:
    """Milliseconds until the page arrives."""
    started_at = time.perf_counter()
    answer = browser.get(url, secure=True, headers={"host": "127.0.0.1"})
    if answer.status_code != 200:
        raise RuntimeError(f"{url}: {answer.status_code}")
    return (time.perf_counter() - started_at) * 1000


def fill(events: int, *, busy: int, first: int) -> None:
    """
    Nine in ten events belong to the busy user and the busy client. The indexes are built afterwards, which is faster.
    """
    with connection.schema_editor() as editor:
        for index in AuditEvent._meta.indexes:
            editor.remove_index(AuditEvent, index)
    start = timezone.now() - timedelta(days=DAYS)
    seconds = DAYS * 86_400 / events
    is_postgresql = connection.vendor == "postgresql"
    if is_postgresql:
        series = f"generate_series(1, {events}) AS series(n)"
        at = f"TIMESTAMPTZ '{start.isoformat()}' + n * INTERVAL '{seconds} seconds'"
        purge_at = f"{at} + INTERVAL '90 days'"
        reference = "'reference-' || n"
    else:
        series = f"(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {events}) SELECT n FROM s)"
        moment = f"{start.timestamp()} + n * {seconds}"
        at = f"strftime('%Y-%m-%d %H:%M:%f', {moment}, 'unixepoch')"
        purge_at = f"strftime('%Y-%m-%d %H:%M:%f', {moment} + 7776000, 'unixepoch')"
        reference = "'reference-' || n"
    values: dict[str, Any] = {
        "at": at,
        "event": (
            "CASE WHEN n % 100000 = 7 THEN 'refresh_replayed' WHEN n % 50 = 3 THEN 'login_refused'"
            " WHEN n % 20 = 1 THEN 'code_issued' WHEN n % 20 = 2 THEN 'token_issued' ELSE 'token_refreshed' END"
        ),
        "outcome": "CASE WHEN n % 100000 = 7 OR n % 50 = 3 THEN 'refused' ELSE 'done' END",
        "user_id": f"CASE WHEN n % 10 = 0 THEN {first} + n % {PEOPLE} ELSE {busy} END",
        "client_id": "CASE WHEN n % 10 = 5 THEN 'other-app' ELSE 'busy-app' END",
        "grant_id": "NULL",
        "scope": "'openid profile email offline_access'",
        "reason": "''",
        "address": "'2001:db8::' || n % 1000",
        "reference": reference,
        "purge_at": purge_at,
        "actor_id": "NULL",
        "by": "''",
        "changes": "''",
        "event_count": "1",
        "last_at": at,
    }
    names = ", ".join(f'"{name}"' for name in values)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {TABLE} ({names}) SELECT {', '.join(values.values())} FROM {series}")
    with connection.schema_editor() as editor:
        for index in AuditEvent._meta.indexes:
            editor.add_index(AuditEvent, index)
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM (ANALYZE) {TABLE}" if is_postgresql else "ANALYZE")


def size() -> int:
    """Size of the trail and its indexes in bytes; with SQLite, of the whole database."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"SELECT pg_total_relation_size('{TABLE}')")
        else:
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        return int(cursor.fetchone()[0])


if __name__ == "__main__":
    main(int(sys.argv[1]))
