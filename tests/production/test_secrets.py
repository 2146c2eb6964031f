"""Secrets that pass through the server stay out of everything that it writes, shows and stores readably."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.production.deployment import PASSWORD, SECRET_KEY, TOKEN_KEY, Deployment, serving
from tests.production.visit import Visit

pytestmark = pytest.mark.production

METRICS_SECRET = "metrics-secret-of-the-production-tests"
DATABASE_PASSWORD = "the-databases-own-password"
ADMIN_PAGES = ("", "client/", "consent/", "grant/", "authorizationcode/", "revokedtoken/")


@contextmanager
def broken(database: psycopg.Connection, table: str) -> Iterator[None]:
    """Rename a table, so that every statement about it raises an unforeseen exception."""
    database.execute(f"ALTER TABLE {table} RENAME TO is_gone")
    try:
        yield
    finally:
        database.execute(f"ALTER TABLE is_gone RENAME TO {table}")


def kept(database: psycopg.Connection) -> set[str]:
    """Secrets in the database, in each spelling in which they could leak."""
    found = {text for [text] in database.execute("SELECT password FROM auth_user")}
    found |= {text for [text] in database.execute("SELECT secret_hash FROM oauth_service_client")}
    for [secret] in database.execute(
        "SELECT secret FROM oauth_service_grant UNION SELECT secret FROM oauth_service_authorizationcode"
    ):
        spellings = (secret.hex(), base64.b64encode(secret).decode(), base64.urlsafe_b64encode(secret).decode())
        found |= {spelling.rstrip("=") for spelling in (*spellings, str(bytes(secret))[2:-1])}
    return found


def test_no_secret_is_in_log_metrics_admin_or_traceback(
    on_postgres: Deployment, postgres_host: str, log_path: Path
) -> None:
    """The run includes the whole lifecycle, all refusals, and two exceptions in the middle."""
    url = on_postgres.database_url.replace("postgres@", f"postgres:{DATABASE_PASSWORD}@")
    environment = on_postgres.environment(DATABASE_URL=url, METRICS_SECRET=METRICS_SECRET)
    shown: dict[str, str] = {}
    with (
        serving(environment, log_path=log_path) as served,
        Visit(base_url=served.url, client_secret=on_postgres.client_secret) as visit,
        psycopg.connect(f"host={postgres_host} user=postgres dbname=postgres", autocommit=True) as database,
    ):
        visit.secrets |= {SECRET_KEY, TOKEN_KEY, METRICS_SECRET, DATABASE_PASSWORD}
        shown["login refused"] = visit.sign_in(password=f"{PASSWORD}-mistyped").text
        visit.sign_in()
        waiting = visit.code()
        code = visit.code()
        tokens = visit.exchange(code).json()
        shown["userinfo"] = visit.userinfo(tokens["access_token"]).text
        tokens = visit.refresh(tokens["refresh_token"]).json()
        secrets_kept = kept(database)

        for page in ADMIN_PAGES:
            path = f"/admin/oauth_service/{page}"
            shown[path] = visit.browser.get(path).text
        [client_pk] = database.execute("SELECT id FROM oauth_service_client").fetchone() or [None]
        for path in (f"/admin/oauth_service/client/{client_pk}/change/", "/manage-apps/"):
            answer = visit.browser.get(path)
            assert answer.status_code == 200, path
            shown[path] = answer.text

        with broken(database, "oauth_service_grant"):
            shown["refresh broken"] = visit.refresh(tokens["refresh_token"]).text
            shown["userinfo broken"] = visit.userinfo(tokens["access_token"]).text
            shown["exchange broken"] = visit.exchange(waiting).text
        with broken(database, "auth_user"):
            shown["page broken"] = visit.browser.get("/manage-apps/", params={"code": waiting}).text

        misplaced = {"access_token": tokens["access_token"], "code": waiting}
        shown["in the URL"] = visit.server.get("/userinfo/", params=misplaced).text
        shown["token in the URL"] = visit.server.post("/token/", params=misplaced, json={}).text
        shown["wrong secret"] = visit.exchange(waiting, client_secret=f"{visit.client_secret}x").text
        shown["wrong redirect_uri"] = visit.exchange(waiting, redirect_uri="http://127.0.0.1:5000/other").text
        shown["malformed"] = visit.server.post(
            "/token/", content=f"{{{waiting}", headers={"Content-Type": "application/json"}
        ).text
        shown["replayed"] = visit.exchange(code).text
        shown["revoked"] = visit.revoke(tokens["refresh_token"]).text
        visit.deauthorise()
        shown["not found"] = visit.browser.get(f"/nowhere/{waiting}").text
        metrics = served.http.get("/metrics", headers={"Authorization": f"Bearer {METRICS_SECRET}"})
        assert metrics.status_code == 200
        shown["metrics"] = metrics.text
        served.stop()

    shown["log"] = served.log
    assert shown["log"].count("Traceback") >= 4
    found = {
        (place, secret)
        for place, text in shown.items()
        for secret in visit.secrets | secrets_kept
        if secret and secret in text
    }
    assert found == set()
