"""/metrics: the counts of all workers together, and who may read them."""

import re
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from django.db import OperationalError
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from oauth_service import checks
from oauth_service.models import RevokedToken
from tests.production.deployment import Deployment, Served, eventually, serving
from tests.production.visit import Visit
from tests.test_unavailable import failing

SECRET = "metrics-secret-of-the-production-tests"


# -- access --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/metrics", "/metrics/"])
def test_it_is_off_unless_somebody_is_let_in(browser: Browser, path: str) -> None:
    """Without a setting the endpoint is a 404, even for requests from this machine."""
    assert browser.get(path).status_code == 404


@pytest.mark.django_db
def test_no_answer_is_taken_for_another_type(browser: Browser, settings: Settings) -> None:
    """Refusals need the header, too, and a host project may not use Django's SecurityMiddleware."""
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.endswith(".SecurityMiddleware")]
    answers = [browser.get("/metrics/")]
    settings.OAUTH_SERVICE_METRICS_SECRET = SECRET
    answers += [
        browser.get("/metrics/"),
        browser.options("/metrics/"),
        browser.get("/metrics/", headers={"Authorization": f"Bearer {SECRET}"}),
    ]
    assert [(answer.status_code, answer.headers.get("X-Content-Type-Options")) for answer in answers] == [
        (404, "nosniff"),
        (401, "nosniff"),
        (200, "nosniff"),
        (200, "nosniff"),
    ]


@pytest.mark.django_db
def test_an_address_that_is_let_in_sees_it(browser: Browser, settings: Settings) -> None:
    """Other addresses are refused. An address alone proves nothing if the request came through a proxy."""
    settings.OAUTH_SERVICE_METRICS_ADDRESSES = ["192.0.2.0/24"]
    seen = [
        browser.get("/metrics", REMOTE_ADDR="192.0.2.9").status_code,
        browser.get("/metrics", REMOTE_ADDR="198.51.100.9").status_code,
        browser.get("/metrics", REMOTE_ADDR="192.0.2.9", headers={"X-Forwarded-For": "192.0.2.9"}).status_code,
        browser.get("/metrics", REMOTE_ADDR="192.0.2.9", headers={"Forwarded": "for=192.0.2.9"}).status_code,
        browser.get("/metrics", REMOTE_ADDR="").status_code,
    ]
    assert seen == [200, 404, 404, 404, 404]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {SECRET}", 200),
        (f"bearer {SECRET}", 200),
        (f"Bearer {SECRET[:-1]}", 401),
        (f"Basic {SECRET}", 401),
        ("Bearer é", 401),
        ("Bearer ", 401),
        ("", 401),
    ],
)
def test_the_secret_gives_access_to_the_metrics(
    browser: Browser, settings: Settings, authorization: str, status: int
) -> None:
    """The secret works from any address. The name of the scheme is case-insensitive (RFC 9110 section 11.1)."""
    settings.OAUTH_SERVICE_METRICS_SECRET = SECRET
    assert browser.get("/metrics", headers={"Authorization": authorization}).status_code == status


@pytest.mark.django_db
def test_no_other_page_may_read_it(browser: Browser, settings: Settings) -> None:
    """An operator's browser is inside the network, and so is every page that it has open."""
    settings.OAUTH_SERVICE_METRICS_ADDRESSES = ["127.0.0.1"]
    answer = browser.get("/metrics", headers={"Origin": "https://evil.example"})
    assert (answer.status_code, "Access-Control-Allow-Origin" in answer) == (200, False)


@pytest.mark.parametrize(
    ("settings_made", "words"),
    [
        ({"OAUTH_SERVICE_METRICS_SECRET": "short"}, "must have 32 characters or more"),
        ({"OAUTH_SERVICE_METRICS_ADDRESSES": ["inside"]}, "'inside' does not appear to be"),
        ({"OAUTH_SERVICE_METRICS_ADDRESSES": ["10.0.0.1/8"]}, "has host bits set"),
    ],
)
def test_unsafe_metrics_settings_stop_the_start(
    settings: Settings, settings_made: dict[str, object], words: str
) -> None:
    """A short secret could be guessed, and a malformed network may not be what the operator meant (E016)."""
    for name, value in settings_made.items():
        setattr(settings, name, value)
    [found] = checks.check_values(None)
    assert (found.id, words in found.msg) == ("oauth_service.E016", True)


def test_without_the_library_the_start_is_stopped(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The library is an extra. An operator must learn when the server starts that it is missing, not at the first scrape.
    """
    settings.OAUTH_SERVICE_METRICS_SECRET = SECRET
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    assert [found.id for found in checks.check_values(None)] == ["oauth_service.E016"]


@pytest.mark.django_db
def test_the_backlog_of_the_sweep_is_counted_when_somebody_asks(browser: Browser, settings: Settings) -> None:
    """A growing number of dead rows shows operators that the sweep does not run."""
    settings.OAUTH_SERVICE_METRICS_SECRET = SECRET
    now = timezone.now()
    for purge_at in (now - timedelta(days=1), now - timedelta(seconds=1), now + timedelta(days=1)):
        RevokedToken.objects.create(token_id=uuid4(), purge_at=purge_at)
    text = browser.get("/metrics", headers={"Authorization": f"Bearer {SECRET}"}).text
    assert 'oauth_service_sweep_backlog{table="revokedtoken"} 2.0' in text
    assert 'oauth_service_sweep_backlog{table="grant"} 0.0' in text


@pytest.mark.django_db
def test_while_the_database_is_away_it_tells_what_was_counted(browser: Browser, settings: Settings) -> None:
    """
    Operators look at metrics during an outage. Only the backlog is missing, because the database would have to count
    it.
    """
    settings.OAUTH_SERVICE_METRICS_SECRET = SECRET
    with failing(OperationalError("connection refused")):
        answer = browser.get("/metrics", headers={"Authorization": f"Bearer {SECRET}"})
    told = {line.split()[2] for line in answer.text.splitlines() if line.startswith("# TYPE")}
    assert (answer.status_code, "oauth_service_requests_total" in told, "oauth_service_sweep_backlog" in told) == (
        200,
        True,
        False,
    )


# -- counts --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def counting(on_postgres: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two workers that count."""
    log_path = tmp_path_factory.mktemp("metrics") / "log"
    with serving(on_postgres.environment(METRICS_ADDRESSES="127.0.0.1"), log_path=log_path) as served:
        yield served


def counted(served: Served, metric: str) -> float:
    """Sum of all samples of a metric; its name may include any labels."""
    name, _, labels = metric.partition("{")
    wanted = set(re.findall(r'\w+="[^"]*"', labels))
    lines = served.http.get("/metrics").text.splitlines()
    samples = [line.rpartition(" ") for line in lines if re.match(rf"{name}[ {{]", line)]
    return sum(float(value) for sample, _, value in samples if wanted <= set(re.findall(r'\w+="[^"]*"', sample)))


@pytest.mark.production
def test_the_workers_count_together(counting: Served, on_postgres: Deployment) -> None:
    """Forty requests on forty connections reach both workers, and each worker reports the counts of both."""
    metric = 'oauth_service_requests_total{endpoint="token",status="400",error="unsupported_grant_type"}'
    form = {"grant_type": "none", "client_id": "presc_man_123", "client_secret": on_postgres.client_secret}
    before = counted(counting, metric)
    for _ in range(40):
        assert httpx.post(f"{counting.url}/token/", data=form, timeout=20).status_code == 400
    assert {counted(counting, metric) - before for _ in range(5)} == {40.0}
    assert counted(counting, 'oauth_service_request_seconds_count{endpoint="token"}') >= 40


@pytest.mark.production
def test_what_happens_to_tokens_is_counted(counting: Served, on_postgres: Deployment) -> None:
    """
    Operators see each kind of event: tokens are issued, refreshed, refreshed again, replayed, revoked, deauthorised and
    refused.
    """
    metrics = {
        'oauth_service_tokens_issued_total{grant_type="authorization_code"}': 2,
        'oauth_service_tokens_issued_total{grant_type="refresh_token"}': 2,
        "oauth_service_refresh_retries_total": 1,
        'oauth_service_replays_total{token_type="refresh_token"}': 1,
        'oauth_service_replays_total{token_type="authorization_code"}': 1,
        'oauth_service_refusals_total{who="client",reason="wrong secret"}': 1,
        'oauth_service_refusals_total{who="user",reason="wrong username or password"}': 1,
        'oauth_service_endings_total{what="access_token"}': 1,
        'oauth_service_endings_total{what="app"}': 1,
    }
    before = {metric: counted(counting, metric) for metric in metrics}
    with Visit(base_url=counting.url, client_secret=on_postgres.client_secret) as visit:
        visit.sign_in(password="wrong")
        visit.sign_in()
        first = visit.exchange(visit.code()).json()
        second = visit.refresh(first["refresh_token"]).json()
        visit.refresh(first["refresh_token"])
        visit.refresh(second["refresh_token"])
        visit.refresh(first["refresh_token"])
        code = visit.code()
        third = visit.exchange(code).json()
        visit.revoke(third["access_token"])
        visit.exchange(code)
        visit.exchange(code, client_secret="wrong")
        visit.deauthorise()
    after = eventually(lambda: {metric: counted(counting, metric) for metric in metrics})
    assert {metric: after[metric] - before[metric] for metric in metrics} == metrics
