"""Floods of sign-ins from one address, and users who sign in from others."""

import itertools
import re
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx

from tests.production.deployment import PASSWORD

FLOODERS = 20
FLOODER = "127.99.99.99"
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_numbers = itertools.count(2)


def browser(base_url: str, address: str, *, trust: ssl.SSLContext | None = None) -> httpx.Client:
    """A browser with an address of its own in this machine's network 127.0.0.0/8."""
    transport = httpx.HTTPTransport(local_address=address, verify=trust or True)
    return httpx.Client(base_url=base_url, transport=transport, timeout=60, headers={"Referer": f"{base_url}/login/"})


def sign_in(base_url: str, *, trust: ssl.SSLContext | None = None) -> int:
    """Sign Alice in from an unused address; return the status."""
    number = next(_numbers)
    with browser(base_url, f"127.0.{number >> 8}.{number & 255}", trust=trust) as http:
        return _submit(http, "alice", PASSWORD)


@contextmanager
def flood(base_url: str, *, trust: ssl.SSLContext | None = None) -> Iterator[Counter[int]]:
    """Send wrong sign-ins with random names, from one address and twenty threads; count the statuses."""
    over, numbers, statuses = threading.Event(), itertools.count(), Counter[int]()

    def attack() -> None:
        with browser(base_url, FLOODER, trust=trust) as http:
            while not over.is_set():
                statuses[_submit(http, f"nobody {next(numbers)}", "wrong")] += 1
                over.wait(0.05)

    with ThreadPoolExecutor(FLOODERS) as pool:
        attackers = [pool.submit(attack) for _ in range(FLOODERS)]
        try:
            over.wait(3)  # the flood is under way
            yield statuses
        finally:
            over.set()
        for attacker in attackers:
            attacker.result(120)


def _submit(http: httpx.Client, username: str, password: str) -> int:
    if "csrftoken" not in http.cookies:
        http.get("/login/")
    form = {"username": username, "password": password, "csrfmiddlewaretoken": http.cookies["csrftoken"]}
    return http.post("/login/", data=form).status_code
