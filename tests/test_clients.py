"""Client authentication: the cost of a secret, its validity, and its traces in the log."""

import hashlib
from collections.abc import Callable
from hmac import compare_digest
from typing import Any

import pytest
from django.contrib.auth import hashers

from oauth_service import conf
from oauth_service.clients import authentication
from oauth_service.models import Client
from oauth_service.models.client import AuthenticationMethod
from oauth_service.protocol import client_authentication
from tests.clauses import clause
from tests.guide import SECRET, Guide, basic

Checked = list[str]


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> Checked:
    """The hashes that the slow password hasher checked."""
    asked: Checked = []

    def check(secret: str, secret_hash: str) -> bool:
        asked.append(secret_hash)
        return hashers.check_password(secret, secret_hash)

    monkeypatch.setattr(authentication, "check_password", check)
    return asked


def is_proven(guide: Guide, secret: str, **kinds: Any) -> bool:
    """Return whether a secret authenticates the client, by the cheapest request that needs one: revoking nothing."""
    response = guide.revoke("nothing", client_secret=secret, **kinds)
    assert response.status_code in (200, 401)
    return bool(response.status_code == 200)


# -- a secret that a person chose ------------------------------------------------------------------------------------


def test_a_persons_secret_is_checked_slowly_once(guide: Guide, checked: Checked) -> None:
    """Every later request to the same process must be fast."""
    assert [is_proven(guide, SECRET) for _ in range(3)] == [True, True, True]
    assert len(checked) == 1


def test_a_wrong_secret_is_checked_slowly_once(guide: Guide, checked: Checked) -> None:
    """A client configured with a wrong secret may try again and again, and must not keep a worker busy."""
    assert [is_proven(guide, "wrong") for _ in range(3)] == [False, False, False]
    assert len(checked) == 1


def test_a_wrong_secret_may_become_right(guide: Guide) -> None:
    """The memory of results is bound to the hash in the row."""
    assert not is_proven(guide, "wrong")
    guide.client.choose_secret("wrong")
    guide.client.save()
    assert is_proven(guide, "wrong")


def test_wrong_secrets_do_not_fill_the_memory(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repeated wrong secret stays in memory; of the others the oldest are dropped."""
    monkeypatch.setattr(authentication, "_MOST_REMEMBERED", 2)
    for secret in ("wrong", "first", "wrong", "second"):
        is_proven(guide, secret)
    assert len(authentication._refuted) == 2
    digests = set(authentication._refuted)
    is_proven(guide, "wrong")
    assert set(authentication._refuted) == digests


def test_wrong_secrets_push_no_right_one_out(guide: Guide, checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a flood would slow down every honest request."""
    monkeypatch.setattr(authentication, "_MOST_REMEMBERED", 2)
    assert is_proven(guide, SECRET)
    for n in range(4):
        is_proven(guide, f"wrong {n}")
    checked.clear()
    assert (is_proven(guide, SECRET), checked) == (True, [])


def test_a_secret_that_was_changed_is_not_remembered_any_more(guide: Guide) -> None:
    """The memory of results is bound to the hash in the row."""
    assert is_proven(guide, SECRET)
    guide.client.choose_secret("another")
    guide.client.save()
    assert (is_proven(guide, SECRET), is_proven(guide, "another")) == (False, True)


def test_a_secret_that_is_right_for_one_client_is_not_for_another(guide: Guide) -> None:
    """The same secret has another hash at another client, or none."""
    assert is_proven(guide, SECRET)
    other = Client(client_id="other", name="Other", redirect_uris="https://other.example/callback")
    other.choose_secret("its own")
    other.save()
    guide.client = other
    assert (is_proven(guide, SECRET), is_proven(guide, "its own")) == (False, True)


def test_what_is_remembered_gives_no_secret_away(guide: Guide) -> None:
    """The digest's key is in this process only: without it, a memory dump does not help to test guesses."""
    assert is_proven(guide, SECRET)
    [remembered] = authentication._remembered
    unkeyed = hashlib.sha256(f"{guide.client.secret_hash}\0{SECRET}".encode()).digest()
    assert (len(remembered), remembered != unkeyed) == (32, True)


def test_what_is_remembered_does_not_grow_without_bounds(guide: Guide, checked: Checked) -> None:
    """A server with very many clients forgets all of them and starts again."""
    authentication._remembered.update(bytes([n % 256, n // 256]) for n in range(authentication._MOST_REMEMBERED))
    assert is_proven(guide, SECRET)
    assert (len(authentication._remembered), len(checked)) == (1, 1)


# -- the registered method -------------------------------------------------------------------------------------------

WAYS: dict[str, dict[str, Any]] = {
    "client_secret_basic": {"client_secret": "", "client_id": "", "authorization": basic("presc_man_123", SECRET)},
    "client_secret_post": {"client_secret": SECRET},
    "none": {"client_secret": ""},
}


@clause("RFC 7591", "2")
@pytest.mark.parametrize("way", client_authentication.METHODS)
@pytest.mark.parametrize("registered", AuthenticationMethod.values)
def test_only_the_registered_method_is_accepted(
    guide: Guide, caplog: pytest.LogCaptureFixture, registered: str, way: str
) -> None:
    """
    The right secret is refused if it comes by another method, and the log says why. Without a registered method both
    work.
    """
    Client.objects.update(token_endpoint_auth_method=registered)
    response = guide.revoke("nothing", as_form=True, **WAYS[way])
    is_accepted = way != "none" and registered in ("", way)
    assert response.status_code == (200 if is_accepted else 401)
    if way != "none" and not is_accepted:
        assert f"it is registered for {registered}, but used {way}" in caplog.text


@clause("RFC 7591", "2")
def test_another_method_consumes_nothing(guide: Guide) -> None:
    """Clients that try HTTP Basic first, like golang.org/x/oauth2, send the same code again by another method."""
    Client.objects.update(token_endpoint_auth_method="client_secret_post")
    code = guide.code()
    first = guide.exchange(code, as_form=True, **WAYS["client_secret_basic"])
    assert (first.status_code, guide.exchange(code, as_form=True).status_code) == (401, 200)


# -- a secret that the server made -----------------------------------------------------------------------------------


def test_a_made_secret_needs_no_slow_check_and_no_memory(guide: Guide, checked: Checked) -> None:
    """A secret of 256 random bits cannot be guessed, so a fast hash is enough."""
    secret = Client.objects.rotate_secret(guide.client)
    Client.objects.end_previous_secret(guide.client)
    assert (is_proven(guide, secret), is_proven(guide, secret[::-1])) == (True, False)
    assert (checked, authentication._remembered) == ([], set())


def test_a_secret_is_compared_in_constant_time(guide: Guide, monkeypatch: pytest.MonkeyPatch) -> None:
    """The response time must not reveal anything about the right secret."""
    secret = Client.objects.rotate_secret(guide.client)
    compared: list[tuple[str, str]] = []

    def compare(first: str, second: str) -> bool:
        compared.append((first, second))
        return compare_digest(first, second)

    monkeypatch.setattr("hmac.compare_digest", compare)
    assert is_proven(guide, secret)
    assert compared == [(client_authentication.hash_of(secret), Client.objects.get().secret_hash)]


def test_two_secrets_are_good_while_one_replaces_the_other(guide: Guide) -> None:
    """All servers of a client get the new secret before the old one ends, without an outage."""
    first = Client.objects.rotate_secret(guide.client)
    second = Client.objects.rotate_secret(guide.client)
    assert [is_proven(guide, secret) for secret in (SECRET, first, second)] == [False, True, True]
    Client.objects.end_previous_secret(guide.client)
    assert [is_proven(guide, secret) for secret in (first, second)] == [False, True]


def test_a_persons_secret_stays_good_beside_a_made_one(guide: Guide) -> None:
    """The first rotation may replace a secret that a person chose."""
    made = Client.objects.rotate_secret(guide.client)
    assert [is_proven(guide, secret) for secret in (SECRET, made)] == [True, True]


@pytest.mark.parametrize("secret", ["a:b", "a+b", "a%2Bb", "é ü", "100%"])
def test_a_secret_with_odd_characters_works_by_basic_and_by_body(guide: Guide, secret: str) -> None:
    """Some clients form-encode the secret (RFC 6749 section 2.3.1), and some do not."""
    guide.client.choose_secret(secret)
    guide.client.save()
    by_basic = guide.revoke(
        "nothing", client_id="", client_secret="", authorization=basic(guide.client.client_id, secret)
    )
    assert (by_basic.status_code, is_proven(guide, secret), is_proven(guide, secret, as_form=True)) == (200, True, True)


# -- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "secret", "reason"),
    [
        ({}, "wrong", "wrong secret"),
        ({}, "", "it is confidential, but no secret was sent"),
        ({"is_active": False}, SECRET, "it was deactivated"),
        ({"client_type": "public"}, SECRET, "it is public and has no secret, but one was sent"),
        ({"secret_hash": ""}, SECRET, "it is confidential, but no secret was ever set"),
    ],
)
def test_the_log_has_the_reason_and_the_client_does_not(
    guide: Guide, caplog: pytest.LogCaptureFixture, change: dict[str, Any], secret: str, reason: str
) -> None:
    """The error is always the same, so nobody learns which clients exist or are inactive."""
    Client.objects.update(**change)
    response = guide.revoke("nothing", client_secret=secret)
    refusal = response.json()
    assert (response.status_code, refusal["error"]) == (401, "invalid_client")
    assert refusal["error_description"] == "client authentication failed"
    assert f"client 'presc_man_123': {reason}" in caplog.text
    assert SECRET not in caplog.text


def test_a_public_client_needs_no_secret(guide: Guide) -> None:
    """A public client has no secret; PKCE binds its codes."""
    Client.objects.update(client_type="public")
    assert guide.revoke("nothing", client_secret="").status_code == 200


def test_a_name_that_no_client_has_is_logged_as_a_digest(guide: Guide, caplog: pytest.LogCaptureFixture) -> None:
    """A stranger must not be able to fill the disk or forge lines of the log, and no secret may end up there."""
    typed = "x" * 500 + "\nforged line"
    response = guide.revoke("nothing", client_id=typed)
    assert response.json()["error_description"] == "client authentication failed"
    assert f"client {conf.claimed_name(typed)!r}: no such client" in caplog.text
    assert [words for words in ("xx", "forged line") if words in caplog.text] == []


@pytest.mark.parametrize(
    "request_of", [lambda guide: guide.exchange("SPL__x", client_secret="wrong"), lambda guide: guide.ask()]
)
def test_no_row_is_written_for_who_is_refused(guide: Guide, request_of: Callable[[Guide], Any]) -> None:
    """A flood of wrong secrets takes no storage."""
    before = Client.objects.values().get()
    request_of(guide)
    assert Client.objects.values().get() == before
