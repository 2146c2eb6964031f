"""The limit on failed client authentications: which requests it stops, which it must not stop, and its cost."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.test import Client as Browser
from limits.errors import StorageError
from pytest_django import Settings

from oauth_service import signals
from oauth_service.clients import authentication
from oauth_service.guard import failure_counts, throttle
from oauth_service.guard.failure_counts import CacheStorage
from oauth_service.guard.throttle import Throttle
from oauth_service.models import Client
from oauth_service.protocol import client_authentication
from oauth_service.protocol.errors import TooManyFailures
from tests.concurrency.threads import PATIENCE_SECONDS, started
from tests.guide import SECRET, Guide, basic

HERE = "198.51.100.7"
ELSEWHERE = "203.0.113.9"


class BrokenCache(LocMemCache):
    """A cache whose server is gone."""

    def get_many(self, *_: Any, **__: Any) -> Any:
        raise ConnectionError("the cache is gone")


class SharedCache(LocMemCache):
    """A cache that counts as shared between processes, as far as a test can have one."""


def try_secret(guide: Guide, secret: str, *, address: str = HERE, client_id: str = "presc_man_123") -> Any:
    """Try a secret by the cheapest request that needs one: revoking nothing."""
    guide.server.defaults["REMOTE_ADDR"] = address
    return guide.revoke("nothing", client_id=client_id, client_secret=secret)


def fail(guide: Guide, *, times: int = 10, **where: str) -> list[int]:
    """Fail with a different secret each time, and return the statuses."""
    return [try_secret(guide, f"wrong {n}", **where).status_code for n in range(times)]


def with_cache(settings: Settings, backend: type[LocMemCache]) -> None:
    """Count in a cache of this kind."""
    path = f"{backend.__module__}.{backend.__qualname__}"
    settings.CACHES = {**settings.CACHES, "counts": {"BACKEND": path, "LOCATION": backend.__name__}}
    settings.OAUTH_SERVICE_THROTTLE_CACHE = "counts"


# -- requests that are stopped ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("client_id", ["presc_man_123", "nobody"])
def test_after_the_limit_the_answer_is_to_wait(guide: Guide, client_id: str) -> None:
    """The default is ten failures within five minutes."""
    assert fail(guide, client_id=client_id) == [401] * 10
    refused = try_secret(guide, "wrong again", client_id=client_id)
    assert (refused.status_code, refused.json()["error"]) == (429, "temporarily_unavailable")
    assert refused.json()["error_description"] == "too many attempts failed: wait for the seconds in Retry-After"
    assert 1 <= int(refused["Retry-After"]) <= 300


def test_no_answer_tells_whether_the_client_exists(guide: Guide, public_app: Client) -> None:
    """For any reason, status, body and headers are the same, before the limit and after it."""
    made = Client.objects.create(client_id="made", redirect_uris="https://made.example/")
    Client.objects.rotate_secret(made)

    def answers(client_id: str) -> list[Any]:
        said = [try_secret(guide, f"wrong {n}", client_id=client_id) for n in range(12)]
        return [
            (each.status_code, {**each.json(), "reference": ""}, {**each.headers, "Content-Length": ""})
            for each in said
        ]

    with time_machine.travel("2026-01-01T00:00:30Z", tick=False):
        nobodys = answers("nobody")
        assert [answers(client_id) for client_id in ("presc_man_123", "public_app", "made")] == [nobodys] * 3


def test_over_the_limit_no_secret_is_looked_at(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the eleventh guess might be the right one."""
    fail(guide)

    def check(*_: str) -> bool:
        raise AssertionError("a password hash was paid for")

    monkeypatch.setattr(authentication, "check_password", check)
    assert try_secret(guide, SECRET).status_code == 429


def test_the_limit_and_its_window_are_settings(guide: Guide, settings: Settings) -> None:
    """Operators choose the number of failures and the time that they count."""
    settings.OAUTH_SERVICE_FAILURE_LIMIT = 2
    settings.OAUTH_SERVICE_FAILURE_WINDOW = timedelta(hours=1)
    with time_machine.travel("2026-01-01T00:00:30Z", tick=False):
        assert fail(guide, times=3) == [401, 401, 429]
        assert int(try_secret(guide, "wrong")["Retry-After"]) == 3571


def test_a_client_that_waits_for_retry_after_is_checked_again(guide: Guide) -> None:
    """Retry-After must be right: a second before it requests are still refused, and after it the secret is checked."""
    with time_machine.travel("2026-01-01T00:01:00Z", tick=False) as clock:
        fail(guide)
        seconds = int(try_secret(guide, SECRET)["Retry-After"])
        clock.shift(seconds - 2)
        assert try_secret(guide, SECRET).status_code == 429
        clock.shift(2)
        assert try_secret(guide, SECRET).status_code == 200


def test_who_has_failed_spread_out_waits_for_the_oldest_to_be_forgotten(guide: Guide) -> None:
    """The window slides: failures are forgotten one by one, and Retry-After is still right."""
    with time_machine.travel("2026-01-01T00:00:00Z", tick=False) as clock:
        fail(guide, times=6)
        clock.shift(310)
        statuses = fail(guide, times=8)
        assert set(statuses) == {401, 429}
        clock.shift(int(try_secret(guide, "wrong")["Retry-After"]))
        assert try_secret(guide, SECRET).status_code == 200


def test_each_refusal_is_announced(
    guide: Guide, committed: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Operators see that the flood goes on. The event does not contain the secret."""
    fail(guide)
    told: list[tuple[str, str]] = []

    def hear(*, client_id: str, reason: str, **_: Any) -> None:
        told.append((client_id, reason))

    signals.client_refused.connect(hear)
    try:
        with caplog.at_level("INFO"), committed():
            try_secret(guide, "wrong again")
            try_secret(guide, SECRET)
    finally:
        signals.client_refused.disconnect(hear)
    assert told == [("presc_man_123", "throttled")] * 2
    assert "client 'presc_man_123': too many failures from one address" in caplog.text
    assert "wrong again" not in caplog.text


# -- requests that are not stopped -----------------------------------------------------------------------------------


def test_the_right_secret_from_elsewhere_is_good_at_once(guide: Guide) -> None:
    """Somebody who fails on purpose must not lock the client out."""
    fail(guide)
    assert try_secret(guide, SECRET, address=ELSEWHERE).status_code == 200


def test_another_client_at_the_same_address_is_good_at_once(guide: Guide) -> None:
    """Many honest clients may share one address."""
    other = Client(client_id="other", name="Other", redirect_uris="https://other.example/callback")
    other.choose_secret("its own")
    other.save()
    fail(guide)
    assert try_secret(guide, "its own", client_id="other").status_code == 200


def test_a_flood_from_the_same_address_does_not_lock_out_who_is_proven(guide: Guide) -> None:
    """A secret that this process has checked before costs nothing to check again, and cannot be guessed that way."""
    assert try_secret(guide, SECRET).status_code == 200
    assert fail(guide, times=12) == [401] * 10 + [429] * 2
    assert try_secret(guide, SECRET).status_code == 200


def test_a_made_secret_is_good_at_a_throttled_address(guide: Guide) -> None:
    """A secret with 256 random bits cannot be guessed, with or without a limit."""
    secret = Client.objects.rotate_secret(guide.client)
    assert fail(guide, times=12) == [401] * 10 + [429] * 2
    assert try_secret(guide, secret).status_code == 200


@pytest.mark.parametrize("is_made", [True, False], ids=["made", "proven before"])
def test_a_cheaply_checked_client_needs_no_cache(guide: Guide, settings: Settings, is_made: bool) -> None:
    """The usual request does not need the cache, and does not pay for the limit."""
    secret = SECRET
    if is_made:
        secret = Client.objects.rotate_secret(guide.client)
        Client.objects.end_previous_secret(guide.client)
    try_secret(guide, secret)
    settings.OAUTH_SERVICE_THROTTLE_CACHE = "there is none of this name"
    assert try_secret(guide, secret).status_code == 200


@pytest.mark.parametrize(
    ("address", "neighbour", "is_the_same"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::9", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("198.51.100.7", "198.51.100.8", False),
        ("198.51.100.7", "::ffff:198.51.100.7", True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("unix:", "unix:", True),
        ("", "unix:", False),
    ],
)
def test_a_subscriber_counts_as_one(guide: Guide, address: str, neighbour: str, is_the_same: bool) -> None:
    """An IPv6 subscriber can use 2**64 addresses."""
    fail(guide, address=address)
    assert try_secret(guide, "wrong", address=neighbour).status_code == (429 if is_the_same else 401)


# -- slow checks -----------------------------------------------------------------------------------------------------


@pytest.fixture
def one_at_a_time() -> Throttle:
    """A limit that only these tests use."""
    return Throttle("test", at_once=1)


def flooded(limit: Throttle, *addresses: str) -> Throttle:
    """Return the limit after several vain slow checks, each from another address unless some are given."""
    for number in range(throttle.SUSPECT):
        address = addresses[number % len(addresses)] if addresses else f"10.0.0.{number}"
        with signals.request_context("test", "POST", address, ""):
            limit.record_failed_check()
    return limit


@contextmanager
def checked(limit: Throttle, name: str, *, address: str) -> Iterator[None]:
    """Run a slow check for a request from an address."""
    with signals.request_context("test", "POST", address, ""), limit.slow_check(name):
        yield


def test_in_a_flood_nobody_waits_for_a_slow_check(one_at_a_time: Throttle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request must be refused at once instead of occupying a worker, however many addresses take part."""
    monkeypatch.setattr(throttle, "PATIENCE_SECONDS", None)  # wait for ever
    flooded(one_at_a_time)
    with one_at_a_time.slow_check("a"), pytest.raises(TooManyFailures) as refusal, one_at_a_time.slow_check("b"):
        pass
    assert (refusal.value.status, refusal.value.retry_after) == (429, 1)


def test_in_calm_those_who_come_together_wait_a_while(one_at_a_time: Throttle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Honest requests may arrive together. They wait for their turn, but not for ever."""
    monkeypatch.setattr(throttle, "PATIENCE_SECONDS", 0.01)
    with one_at_a_time.slow_check("a"), pytest.raises(TooManyFailures), one_at_a_time.slow_check("b"):
        pass
    with one_at_a_time.slow_check("b"):
        pass


def test_a_failure_gives_its_place_back(one_at_a_time: Throttle) -> None:
    """A check must return its turn however it ends, or no request would get one any more."""
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), one_at_a_time.slow_check("a"):
            raise ZeroDivisionError


def test_waiting_requests_are_refused_once_a_flood_is_detected(
    one_at_a_time: Throttle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise each of the first requests would get a hash in turn, and block a worker while waiting."""
    monkeypatch.setattr(throttle, "PATIENCE_SECONDS", PATIENCE_SECONDS)

    def wait() -> None:
        with one_at_a_time.slow_check("b"):
            raise AssertionError("the waiting one was let in")

    with one_at_a_time.slow_check("a"):
        waiting = started(wait)
        flooded(one_at_a_time)
    assert isinstance(waiting.exception(PATIENCE_SECONDS), TooManyFailures)
    one_at_a_time.forget_failed_checks()
    with one_at_a_time.slow_check("c"):
        pass


@pytest.mark.parametrize(("client_id", "is_calm"), [("presc_man_123", False), ("nobody", True)])
def test_only_what_costs_a_hash_is_a_flood(guide: Guide, client_id: str, is_calm: bool) -> None:
    """A wrong secret that is recognised at once takes no turn from other requests."""
    for n in range(throttle.FLOOD):
        assert throttle.CLIENTS._is_calm()
        try_secret(guide, f"wrong {n}", client_id=client_id, address=f"10.0.0.{n}")
    assert throttle.CLIENTS._is_calm() == is_calm


def test_two_typing_errors_are_no_flood(one_at_a_time: Throttle) -> None:
    """Users mistype, which must not make the server refuse others."""
    for _ in range(throttle.FLOOD - 1):
        one_at_a_time.record_failed_check()
    assert one_at_a_time._is_calm()


def test_after_a_while_it_is_calm_again(one_at_a_time: Throttle, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server must return to normal by itself when the flood is over."""
    assert not flooded(one_at_a_time)._is_calm()
    monkeypatch.setattr(throttle, "FLOOD_SECONDS", 0)
    assert one_at_a_time._is_calm()


def test_an_address_that_floods_gets_what_nobody_else_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such an address gets at most one of two turns, none while others wait, and cannot wait for one."""
    monkeypatch.setattr(throttle, "PATIENCE_SECONDS", PATIENCE_SECONDS)
    limit = flooded(Throttle("test", at_once=2), HERE)
    with checked(limit, "a", address=HERE):
        with pytest.raises(TooManyFailures), checked(limit, "b", address=HERE):
            pass
        with checked(limit, "c", address=ELSEWHERE):
            pass
    with (
        checked(limit, "c", address=ELSEWHERE),
        pytest.raises(TooManyFailures),
        checked(limit, "a", address=HERE),
    ):
        pass


def test_others_wait_for_their_turn_while_an_address_floods(
    one_at_a_time: Throttle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule also holds if there is only one turn."""
    monkeypatch.setattr(throttle, "PATIENCE_SECONDS", PATIENCE_SECONDS)
    flooded(one_at_a_time, HERE)
    assert one_at_a_time._is_calm()

    def wait() -> bool:
        with checked(one_at_a_time, "b", address=ELSEWHERE):
            return True

    with checked(one_at_a_time, "a", address=HERE):
        waiting = started(wait)
    assert waiting.result(PATIENCE_SECONDS)


def test_a_flood_under_many_names_is_stopped_for_its_address(settings: Settings) -> None:
    """Each name is below its own limit, and together they have ten times as many failures."""
    settings.OAUTH_SERVICE_FAILURE_LIMIT = 2
    limit = Throttle("test", at_once=2)
    for number in range(2 * throttle.NAMES_AN_ADDRESS):
        with checked(limit, f"random {number}", address=HERE):
            limit.record_failed_check()
    with pytest.raises(TooManyFailures) as refusal, checked(limit, "another", address=HERE):
        pass
    assert refusal.value.retry_after > 1
    with checked(limit, "another", address=ELSEWHERE):
        pass
    failure_counts.forget_all()


def test_who_was_right_there_before_is_not_stopped_by_others_at_the_address(settings: Settings) -> None:
    """A neighbour behind the same address must not lock anybody out."""
    settings.OAUTH_SERVICE_FAILURE_LIMIT = 2
    limit = Throttle("test", at_once=1)
    with checked(limit, "alice", address=HERE):
        limit.record_passed_check("alice")
    for number in range(2 * throttle.NAMES_AN_ADDRESS):
        with checked(limit, f"random {number}", address=HERE):
            limit.record_failed_check()
    with pytest.raises(TooManyFailures), checked(limit, "bob", address=HERE):
        pass
    with checked(limit, "alice", address=HERE):
        pass
    with pytest.raises(TooManyFailures), checked(limit, "ALICE", address=HERE):
        pass
    failure_counts.forget_all()


def test_no_more_addresses_are_remembered_than_fit(one_at_a_time: Throttle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood from many addresses must not fill the memory."""
    monkeypatch.setattr(throttle, "MOST_ADDRESSES", 5)
    for number in range(10):
        with signals.request_context("test", "POST", f"10.0.0.{number}", ""):
            one_at_a_time.record_failed_check()
    assert list(one_at_a_time._failed_at) == [f"10.0.0.{number}" for number in range(5, 10)]


def test_a_slow_check_that_must_wait_is_told_to_the_client(guide: Guide) -> None:
    """The client gets a 429 with Retry-After, as at the limit itself."""
    with flooded(throttle.CLIENTS).slow_check("somebody"):
        refused = try_secret(guide, SECRET)
    assert (refused.status_code, refused["Retry-After"]) == (429, "1")
    assert refused.json()["error_description"] == "too many secrets are being checked: try again in a moment"
    assert try_secret(guide, SECRET).status_code == 200


def test_both_kinds_together_leave_a_thread() -> None:
    """A worker has four threads by default (SERVE_THREADS), and slow checks must not take all of them."""
    assert throttle.LOGINS._turns.at_once + throttle.CLIENTS._turns.at_once < 4


# -- the place where failures are counted ------------------------------------------------------------------------------


def test_a_shared_cache_is_used_as_it_is(guide: Guide, settings: Settings) -> None:
    """Several workers count together in it. It holds no names or addresses."""
    with_cache(settings, SharedCache)
    assert fail(guide, times=11)[-2:] == [401, 429]
    failure_counts.forget_all()
    assert try_secret(guide, "wrong").status_code == 429
    keys = " ".join(caches["counts"]._cache)  # type: ignore[attr-defined]
    assert (HERE in keys, "presc_man_123" in keys, "oauth_service/" in keys) == (False, False, True)
    caches["counts"].clear()


def test_a_flood_of_names_leaves_the_projects_cache_alone(guide: Guide) -> None:
    """Django's default cache keeps only 300 values of any kind."""
    caches["default"].set("of-the-project", 1)
    fail(guide, times=9)
    for n in range(400):
        throttle.CLIENTS.count_failure(f"name {n}")
    assert caches["default"].get("of-the-project") == 1
    guide.server.defaults["REMOTE_ADDR"] = HERE
    assert fail(guide, times=2) == [401, 429]


def test_a_flood_of_names_that_no_client_has_pushes_no_count_out(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failing under an unknown name is free. Otherwise an attacker could flush the counts first, and then guess."""

    def sign_in() -> int:
        typed = {"username": "alice", "password": "wrong"}
        return Browser(REMOTE_ADDR=HERE).post("/login/", typed).status_code

    for memory in failure_counts._in_memory.values():
        monkeypatch.setattr(memory, "_max_entries", 30)
    assert fail(guide, times=11)[-1] == 429
    assert [sign_in() for _ in range(11)][-1] == 429
    assert {try_secret(guide, "x", client_id=f"name {n}").status_code for n in range(60)} == {401}
    assert (try_secret(guide, "wrong").status_code, sign_in()) == (429, 429)


def test_a_cache_that_fails_stops_nobody(guide: Guide, settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """An outage of the cache must not become an outage of the server. The log reports it."""
    with_cache(settings, BrokenCache)
    assert fail(guide, times=11) == [401] * 11
    assert try_secret(guide, SECRET).status_code == 200
    assert "failures are not counted: the cache does not answer" in caplog.text


# -- the storage for `limits` ------------------------------------------------------------------------------------------


def test_a_counter_counts_and_is_forgotten() -> None:
    """The library `limits` needs these operations of every storage."""
    storage = CacheStorage("test")
    assert [storage.get("a"), storage.incr("a", 60), storage.incr("a", 60, 2), storage.get("a")] == [0, 1, 3, 3]
    storage.clear("a")
    assert (storage.get("a"), storage.check()) == (0, True)


def test_a_window_is_forgotten() -> None:
    """The sliding window consists of the current window and the one before it."""
    storage = CacheStorage("test")
    with time_machine.travel("2026-01-01T00:00:00Z", tick=False) as clock:
        for _ in range(2):
            assert storage.acquire_sliding_window_entry("a", 10, 60)
            clock.shift(60)
        clock.shift(-60)
        assert storage.get_sliding_window("a", 60)[::2] == (1, 1)
        storage.clear_sliding_window("a", 60)
        assert storage.get_sliding_window("a", 60)[::2] == (0, 0)


def test_more_than_the_limit_at_once_is_not_counted() -> None:
    """A refused amount must not use up a part of the limit."""
    storage = CacheStorage("test")
    assert not storage.acquire_sliding_window_entry("a", 2, 60, amount=3)
    assert storage.acquire_sliding_window_entry("a", 2, 60, amount=2)


def test_a_counter_that_ends_while_it_is_added_to_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache may drop a value at any moment."""
    storage = CacheStorage("test")
    storage.incr("a", 60)
    add: Callable[..., bool] = LocMemCache.add

    def add_and_lose(self: LocMemCache, *args: Any, **kwargs: Any) -> bool:
        added = add(self, *args, **kwargs)
        self.clear()
        return added

    monkeypatch.setattr(LocMemCache, "add", add_and_lose)
    assert (storage.incr("a", 60, 2), storage.get("a")) == (2, 2)


def test_what_a_cache_of_djangos_cannot_do_is_not_pretended() -> None:
    """An operation that empties the project's cache would be worse than an error. `limits` wraps the exception."""
    storage = CacheStorage("test")
    for ask in (lambda: storage.get_expiry("a"), storage.reset):
        with pytest.raises(StorageError) as told:
            ask()
        assert isinstance(told.value.__cause__, NotImplementedError)


def test_the_made_secret_of_a_client_is_compared_before_any_slow_check(guide: Guide) -> None:
    """A made secret needs no hash, even while it replaces a secret that a person chose."""
    made = Client.objects.rotate_secret(guide.client)
    row = Client.objects.get()
    assert [client_authentication.is_server_made(kept) for kept in row.secret_hashes] == [True, False]
    with flooded(throttle.CLIENTS).slow_check("somebody"):
        by_basic = guide.revoke("x", client_id="", client_secret="", authorization=basic("presc_man_123", made))
    assert by_basic.status_code == 200
