"""Global token revocation at an OpenID Provider: sign-ins end, and clients are told."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from oauth_service.models import Client, Delivery, Grant, SignIn, SignInClient
from oauth_service.outbound import deliveries
from tests.clauses import clause
from tests.database import connection
from tests.openid.conftest import RelyingParty, answer_of
from tests.revocation.actors import Console, console_of


@pytest.fixture
def console(rp: RelyingParty, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Console:
    """The console, with a relying party that wants to hear of sign-outs. No thread sends the messages."""
    settings.OAUTH_SERVICE_GLOBAL_TOKEN_REVOCATION = True
    monkeypatch.setattr(deliveries, "wake", lambda: None)
    Client.objects.filter(pk=rp.client.pk).update(backchannel_logout_uri="https://rp.example/backchannel")
    rp.client.refresh_from_db()
    return console_of("console")


@clause("Global Token Revocation", "3.3")
def test_every_sign_in_ends(console: Console, rp: RelyingParty) -> None:
    """Connections with offline_access, which would survive an ordinary sign-out, end, too."""
    tokens = rp.tokens(scope="openid offline_access")
    assert SignIn.objects.filter(ended_at=None).count() == 1
    console.end(rp.user)
    assert (SignIn.objects.filter(ended_at=None).count(), Grant.objects.count()) == (0, 0)
    assert rp.userinfo(tokens["access_token"]).status_code == 401
    assert rp.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


@clause("OpenID Connect Back-Channel Logout 1.0", "2.5")
def test_clients_that_asked_for_it_hear_of_each_sign_in(console: Console, rp: RelyingParty) -> None:
    """Each live sign-in causes one message. A sign-in that had already ended causes none."""
    sids = [rp.claims(rp.tokens()["id_token"])["sid"]]
    rp.browser.post("/logout/")
    Delivery.objects.all().delete()
    sids = [rp.claims(rp.tokens()["id_token"])["sid"]]
    console.end(rp.user)
    console.end(rp.user)
    told = Delivery.objects.values_list("client__client_id", "sub", "issuer", "sign_in_id")
    assert [(*each[:3], each[3].hex) for each in told] == [
        (rp.client.client_id, str(rp.user.pk), "https://id.example", sids[0])
    ]


@clause("OpenID Connect Core", "3.1.2.1")
def test_prompt_none_finds_nobody(console: Console, rp: RelyingParty) -> None:
    """A client that asks in the background must not be let in again."""
    rp.tokens()
    assert "code" in answer_of(rp.ask(prompt="none"))
    console.end(rp.user)
    assert answer_of(rp.ask(prompt="none"))["error"] == "login_required"


@clause("Global Token Revocation", "4")
def test_a_jwt_ends_here_at_once(console: Console, rp: RelyingParty, settings: Settings) -> None:
    """
    "it may be impossible to revoke tokens without taking additional measures": this server checks the row behind the
    JWT.
    """
    from oauth_service.models import Resource

    api = "https://api.example/pills"
    Resource.objects.create(identifier=api, name="Pills", token_format="jwt", is_for_all=True)
    settings.OAUTH_SERVICE_INTROSPECTION = True
    token = rp.tokens(resource=api)["access_token"]
    assert introspected(rp, token)["active"]
    console.end(rp.user)
    assert introspected(rp, token) == {"active": False}


def introspected(rp: RelyingParty, token: str) -> Any:
    """Return what introspection tells the token's own client."""
    return rp.server.post("/introspect/", {"token": token, **rp.credentials}, content_type="application/json").json()


@pytest.mark.parametrize("sign_ins", [1, 60])
def test_the_tables_of_sign_ins_are_written_once_each(console: Console, rp: RelyingParty, sign_ins: int) -> None:
    """The number of statements must not grow with the sign-ins or the clients."""
    now = timezone.now()
    purge_at = now + timedelta(days=1)
    rows = [SignIn(pk=uuid4(), user_id=rp.user.pk, auth_time=now, purge_at=purge_at) for _ in range(sign_ins)]
    SignIn.objects.bulk_create(rows)
    SignInClient.objects.bulk_create(SignInClient(sign_in=row, client=rp.client, purge_at=purge_at) for row in rows)
    console.end(rp.user, credentials=("console", "wrong"))
    with CaptureQueriesContext(connection) as statements:
        assert console.end(rp.user).status_code == 204
    written = Counter(
        sql.split('"')[1].removeprefix("oauth_service_")
        for sql in (query["sql"] for query in statements.captured_queries)
        if sql.startswith(("INSERT", "UPDATE", "DELETE"))
    )
    tables = ("sessionmark", "consent", "signin", "delivery")  # the user has connected no app
    assert written == dict.fromkeys(tables, 1)
    assert Delivery.objects.count() == sign_ins


def test_the_thread_that_sends_is_woken_after_the_commit(
    console: Console,
    rp: RelyingParty,
    monkeypatch: pytest.MonkeyPatch,
    committed: Callable[[], AbstractContextManager[object]],
) -> None:
    """Before the commit the thread could not see the messages."""
    woken: list[str] = []
    monkeypatch.setattr(deliveries, "wake", lambda: woken.append("woken"))
    rp.tokens()
    with committed():
        console.end(rp.user)
        assert woken == []
    assert woken == ["woken"]
