"""Floods of wrong secrets and passwords, each from another address: honest requests are answered soon."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from django.contrib.auth import hashers
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client as Browser
from pytest_django import Settings

from oauth_service.guard.throttle import NAMES_AN_ADDRESS
from oauth_service.models import Client
from tests.concurrency.threads import PATIENCE_SECONDS, together
from tests.guide import SECRET, Guide

FLOODERS = 20
HASH_SECONDS = 0.4
HONEST = 10
ADDRESSES = itertools.count(1)


class SlowHasher(hashers.MD5PasswordHasher):
    """A hasher that takes as long as Django's, without the load. It counts its calls, and how many run at once."""

    algorithm = "slow"
    paid_for = 0
    running = 0
    most = 0
    counting = threading.Lock()
    go_on: threading.Event | None = None  # if set, each hash waits for it instead

    def encode(self, password: str, salt: str) -> str:  # called by verify(), too, and for unknown usernames
        with self.counting:
            type(self).paid_for += 1
            type(self).running += 1
            type(self).most = max(self.most, self.running)
        if self.go_on:
            assert self.go_on.wait(PATIENCE_SECONDS)
        else:
            time.sleep(HASH_SECONDS)
        with self.counting:
            type(self).running -= 1
        return super().encode(password, salt)


@pytest.fixture(autouse=True)
def slow_hashing(warm: None, guide: Guide, settings: Settings) -> None:
    """
    Store the secrets of the guide's client and of Alice as Django's default hasher would, and check the client's once.
    """
    settings.PASSWORD_HASHERS = [f"{__name__}.SlowHasher"]
    guide.client.choose_secret(SECRET)
    guide.client.save()
    guide.alice.set_password("wonderland")
    guide.alice.save()
    assert guide.revoke("AT_unknown").status_code == 200
    SlowHasher.most = SlowHasher.paid_for = 0


def new_address() -> str:
    """Return an address that has sent no request yet."""
    return f"10.{(n := next(ADDRESSES)) >> 16}.{n >> 8 & 255}.{n & 255}"


def eventually(happened: Callable[[], bool]) -> None:
    """Wait until a condition is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def flood(attack: Callable[[int], int]) -> Iterator[Counter[int]]:
    """Attack in twenty threads during the block, and count the statuses of the responses."""
    over, numbers = threading.Event(), itertools.count()
    statuses: Counter[int] = Counter()

    def attack_on() -> None:
        try:
            while not over.is_set():
                statuses[attack(next(numbers))] += 1
                time.sleep(0.02)  # simulates the network; twenty busy threads of one process would starve the test
        finally:
            connections.close_all()

    with ThreadPoolExecutor(FLOODERS) as pool:
        attackers = [pool.submit(attack_on) for _ in range(FLOODERS)]
        try:
            time.sleep(2 * HASH_SECONDS)  # the flood is under way
            yield statuses
        finally:
            over.set()
        for attacker in attackers:
            attacker.result(PATIENCE_SECONDS)


def guess_the_secret(guide: Guide) -> Callable[[int], int]:
    """Return a function that sends a different wrong secret each time."""
    return lambda n: int(
        Guide(guide.alice, guide.client, server=Browser(REMOTE_ADDR=new_address()))
        .revoke("AT_unknown", client_secret=f"wrong {n}")
        .status_code
    )


def timed(request: Callable[[], Any]) -> tuple[int, float]:
    """Return the status of a request, and its duration in seconds."""
    started = time.monotonic()
    status = int(request().status_code)
    return status, time.monotonic() - started


def test_a_flood_of_wrong_secrets_leaves_room_for_the_honest(guide: Guide) -> None:
    """The same client, checked before, waits for no hash. A client with a server-made secret does not either."""
    other = Client.objects.create(client_id="other", name="Other", redirect_uris="https://other.example/callback")
    secret = Client.objects.rotate_secret(other)
    with flood(guess_the_secret(guide)) as statuses:
        same = [timed(lambda: guide.revoke("AT_unknown")) for _ in range(10)]
        others = [timed(lambda: guide.revoke("AT_unknown", client_id="other", client_secret=secret)) for _ in range(10)]
        tokens = guide.tokens()
    assert {status for status, _ in same + others} == {200}
    assert sorted(seconds for _, seconds in same + others)[10] < HASH_SECONDS
    assert guide.is_alive(tokens["access_token"])
    assert set(statuses) == {401, 429}
    assert statuses[429] > statuses[401]


def test_a_flood_of_wrong_secrets_runs_one_hash_at_a_time(guide: Guide) -> None:
    """The number of threads and addresses does not matter."""
    with flood(guess_the_secret(guide)):
        time.sleep(3 * HASH_SECONDS)
    assert SlowHasher.most == 1


def sign_in(username: str, password: str, *, address: str) -> int:
    """Submit the login form, and return the status."""
    form = {"username": username, "password": password}
    return int(Browser(REMOTE_ADDR=address).post("/login/", form).status_code)


def test_a_flood_of_wrong_passwords_runs_two_hashes_at_a_time(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests of programs are answered in the meantime, on any thread, without waiting for a hash."""
    go_on = threading.Event()
    monkeypatch.setattr(SlowHasher, "go_on", go_on)
    with flood(lambda n: sign_in(f"alice {n}", "wrong", address=new_address())) as statuses:
        try:
            eventually(lambda: SlowHasher.running == 2)
            eventually(lambda: statuses[429] > FLOODERS)
            assert [guide.revoke("AT_unknown").status_code for _ in range(10)] == [200] * 10
            assert SlowHasher.running == 2
        finally:
            go_on.set()
    assert set(statuses) == {200, 429}
    assert SlowHasher.most == 2


def test_honest_people_sign_in_while_one_address_floods(guide: Guide) -> None:
    """The flood uses random names, each below its own limit. Of 29 right passwords 27 used to get 429."""
    User.objects.bulk_create(
        User(username=f"person {number}", password=guide.alice.password) for number in range(HONEST)
    )
    flooder = new_address()
    with flood(lambda n: sign_in(f"nobody {n}", "wrong", address=flooder)) as statuses:
        one_by_one = [sign_in(f"person {number}", "wonderland", address=new_address()) for number in range(HONEST)]
        with ThreadPoolExecutor(3) as pool:
            addresses = [new_address() for _ in range(3)]

            def sign_in_too(number: int) -> int:
                try:
                    return sign_in(f"person {number}", "wonderland", address=addresses[number % 3])
                finally:
                    connections.close_all()

            together = list(pool.map(sign_in_too, range(9)))
        mistyped = sign_in("person 1", "wonderlamd", address=addresses[0])
    assert (one_by_one, together, mistyped) == ([302] * HONEST, [302] * 9, 200)
    assert set(statuses) == {200, 429}
    assert statuses[200] <= 10 * NAMES_AN_ADDRESS + 1


def test_a_flood_from_the_same_address_does_not_lock_out_known_users(guide: Guide) -> None:
    """A whole office may share one address."""
    office = new_address()
    assert sign_in("alice", "wonderland", address=office) == 302
    with flood(lambda n: sign_in(f"nobody {n}", "wrong", address=office)) as statuses:
        answers = [sign_in("alice", "wonderland", address=office) for _ in range(5)]
    assert answers == [302] * 5
    assert statuses[429] > statuses[200]


def test_the_honest_who_come_together_take_turns(guide: Guide) -> None:
    """Right after a start nothing has been checked yet. All requests are answered, and one hash is enough for all."""
    guide.client.choose_secret("new")
    guide.client.save()
    with ThreadPoolExecutor(8) as pool:

        def prove() -> int:
            try:
                return int(Guide(guide.alice, guide.client).revoke("AT_unknown", client_secret="new").status_code)
            finally:
                connections.close_all()

        answers = [pool.submit(prove) for _ in range(8)]
        assert [answer.result(PATIENCE_SECONDS) for answer in answers] == [200] * 8
    assert SlowHasher.most == 1


# -- the limit, reached by many requests at once ---------------------------------------------------------------------


def test_guesses_of_the_same_moment_are_no_more_than_one_after_the_other(guide: Guide, settings: Settings) -> None:
    """A request that waits for its turn passed the limit earlier, so the limit is checked again when the turn comes."""
    settings.OAUTH_SERVICE_FAILURE_LIMIT = 1
    address = new_address()

    def guess(n: int) -> int:
        server = Browser(REMOTE_ADDR=address)
        return int(Guide(guide.alice, guide.client, server).revoke("x", client_secret=f"wrong {n}").status_code)

    statuses = together(*[partial(guess, n) for n in range(8)])
    assert (SlowHasher.paid_for, Counter(statuses)) == (1, {401: 1, 429: 7})


def test_passwords_of_the_same_moment_are_no_more_than_the_turns_besides(guide: Guide, settings: Settings) -> None:
    """Two passwords are checked at once, so one may exceed the limit, but no more."""
    settings.OAUTH_SERVICE_FAILURE_LIMIT = 1
    address = new_address()

    def guess(n: int) -> int:
        form = {"username": "alice", "password": f"wrong {n}"}
        return int(Browser(REMOTE_ADDR=address).post("/login/", form).status_code)

    statuses = together(*[partial(guess, n) for n in range(8)])
    assert 1 <= SlowHasher.paid_for <= 2
    assert statuses.count(200) + statuses.count(429) == 8
    assert 1 <= statuses.count(200) <= SlowHasher.paid_for
