"""
A flood of wrong secrets against one worker with four threads and Django's own slow hasher, each from another address.
"""

import itertools
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.production import sign_ins
from tests.production.deployment import Deployment, Served, manage, serving

FLOODERS = 20
CHOSEN = "a secret that a person chose"
REGISTER = f"""
from oauth_service.models import Client
client = Client(client_id="chosen", name="Chosen", redirect_uris="https://chosen.example/callback")
client.choose_secret({CHOSEN!r})
client.save()
"""
REMOVE = """
from oauth_service.models import Client
Client.objects.filter(client_id="chosen").delete()
"""


@pytest.fixture
def one_worker(on_postgres: Deployment, log_path: Path) -> Iterator[Served]:
    """A process with its default threads, behind a proxy that names the client's address."""
    environment = on_postgres.environment(SERVE_WORKERS="1", TRUSTED_PROXIES="127.0.0.1")
    manage(environment, "shell", "--no-imports", "-c", REGISTER)
    with serving(environment, log_path=log_path) as served:
        yield served
    manage(environment, "shell", "--no-imports", "-c", REMOVE)


def authenticate(http: httpx.Client, client_id: str, secret: str, *, address: str) -> int:
    """Send the cheapest request that needs a secret; return its status."""
    headers = {"X-Forwarded-For": address, "X-Forwarded-Proto": "http", "X-Forwarded-Host": "127.0.0.1"}
    form = {"token": "AT_unknown", "client_id": client_id, "client_secret": secret}
    return http.post("/oauth/revoke/", data=form, headers=headers).status_code


@contextmanager
def flood(served: Served) -> Iterator[Counter[int]]:
    """Send wrong secrets from twenty threads during the block; count the statuses."""
    over, numbers, statuses = threading.Event(), itertools.count(1), Counter[int]()

    def attack() -> None:
        with httpx.Client(base_url=served.url, timeout=60) as http:
            while not over.is_set():
                n = next(numbers)
                address = f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"
                statuses[authenticate(http, "chosen", f"wrong {n}", address=address)] += 1
                time.sleep(0.02)

    with ThreadPoolExecutor(FLOODERS) as pool:
        attackers = [pool.submit(attack) for _ in range(FLOODERS)]
        try:
            time.sleep(2)  # the flood is under way
            yield statuses
        finally:
            over.set()
        for attacker in attackers:
            attacker.result(60)


@pytest.mark.production
def test_a_flood_of_wrong_secrets_does_not_occupy_the_workers(one_worker: Served, on_postgres: Deployment) -> None:
    """Twenty hashes of half a second each used to delay every honest request."""
    honest = {"chosen": CHOSEN, "presc_man_123": on_postgres.client_secret}
    took: list[float] = []
    for client_id, secret in honest.items():
        assert authenticate(one_worker.http, client_id, secret, address="192.0.2.1") == 200
    with flood(one_worker) as statuses:
        for client_id, secret in list(honest.items()) * 20:
            started = time.monotonic()
            assert authenticate(one_worker.http, client_id, secret, address="192.0.2.1") == 200
            took.append(time.monotonic() - started)
    assert set(statuses) == {401, 429}
    assert statuses[429] > statuses[401]
    assert statistics.median(took) < 0.5


@pytest.mark.production
def test_people_sign_in_during_a_flood_of_random_names(on_postgres: Deployment, log_path: Path) -> None:
    """The server used to answer 429 to 27 of 29 right passwords from one address, without a proxy."""
    with serving(on_postgres.environment(), log_path=log_path) as served, sign_ins.flood(served.url) as statuses:
        answers = [sign_ins.sign_in(served.url) for _ in range(15)]
    assert Counter(answers) == {302: 15}
    assert statuses[429] > statuses[200]
