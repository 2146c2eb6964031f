"""
Authentication requests that bypass Django's handler because they need no page: they use the sign-in of the session.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.sessions.backends.base import SessionBase
from pytest_django import Settings

from oauth_service import wsgi
from oauth_service.models import Client, SignIn
from oauth_service.people import authentication
from tests.database import connection
from tests.guide import query_of
from tests.openid.conftest import RelyingParty

Ask = Callable[..., str]


class Left(Exception):
    """The request was left to Django."""


def leave(_environ: dict[str, Any], _start_response: Callable[..., Any]) -> list[bytes]:
    raise Left


@pytest.fixture
def ask(rp: RelyingParty) -> Ask:
    """A function that sends a request as the user's browser, without Django, and returns the Location of the answer."""
    rp.tokens(scope="openid email")

    def send(**changes: str) -> str:
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/authorise/",
            "QUERY_STRING": urlencode(rp.request(**changes)),
            "HTTP_HOST": "testserver",
            "HTTP_COOKIE": f"sessionid={rp.browser.cookies['sessionid'].value}",
            "REMOTE_ADDR": "192.0.2.7",
            "wsgi.url_scheme": "http",
        }
        head: list[Any] = []
        entry = wsgi.direct(leave)
        entry.give_back_connections = lambda: None  # type: ignore[method-assign]  # the test's transaction is on it
        entry(environ, lambda status, headers: head.extend([status, headers]))
        status, headers = head
        assert status == "302 Found"
        return str(dict(headers)["Location"])

    return send


@pytest.mark.parametrize("changes", [{}, {"prompt": "none"}, {"max_age": "600"}, {"acr_values": "1"}], ids=str)
def test_the_sign_in_of_the_session_goes_with_the_code(rp: RelyingParty, ask: Ask, changes: dict[str, str]) -> None:
    """The client must get the same ID token as on the way through Django."""
    sign_in = SignIn.objects.get()
    tokens = rp.exchange(query_of(ask(nonce="another", **changes))["code"]).json()
    claims = rp.claims(tokens["id_token"])
    assert (claims["nonce"], claims["sid"], claims["auth_time"], claims["amr"]) == (
        *("another", sign_in.pk.hex, int(sign_in.auth_time.timestamp())),
        ["pwd"],
    )


def test_the_client_hears_of_the_sign_out(rp: RelyingParty, ask: Ask) -> None:
    """The fast path must record the client for the sign-out, as Django's handler does."""
    Client.objects.update(backchannel_logout_uri="https://rp.example/backchannel")
    ask()
    assert [each.client_id for each in SignIn.objects.get().clients.all()] == [rp.client.pk]


@pytest.mark.parametrize(
    "changes",
    [
        {"response_mode": "form_post"},
        {"response_mode": "fragment"},
        {"prompt": "login"},
        {"prompt": "consent"},
        {"prompt": "select_account"},
    ],
    ids=str,
)
def test_what_needs_a_page_is_left_before_anything_is_read(
    ask: Ask, changes: dict[str, str], django_assert_num_queries: Any
) -> None:
    """Otherwise the server would execute the same statements twice."""
    with django_assert_num_queries(0, connection=connection), pytest.raises(Left):
        ask(**changes)


def said(request: Any) -> dict[str, Any]:
    """Return a project's facts, read from a part of Django's request that does not exist here."""
    return {"acr": request.META["REMOTE_ADDR"]}


def test_what_a_project_says_about_a_sign_in_is_asked_by_django(
    ask: Ask, provider: Settings, django_assert_num_queries: Any
) -> None:
    """The project's function needs Django's request, which the fast path does not have."""
    provider.OAUTH_SERVICE_AUTHENTICATION_EVENT = f"{__name__}.said"
    with django_assert_num_queries(0, connection=connection), pytest.raises(Left):
        ask()


@pytest.mark.parametrize(
    "change",
    [
        lambda session: session.pop(authentication.SESSION_KEY),
        lambda session: session[authentication.SESSION_KEY].clear(),
    ],
    ids=["none", "nothing in it"],
)
def test_a_session_without_an_event_gets_one_from_django(
    rp: RelyingParty, ask: Ask, change: Callable[[SessionBase], Any]
) -> None:
    """Django writes the event into the session and may set a cookie."""
    session = rp.browser.session
    change(session)
    session.save()
    with pytest.raises(Left):
        ask()


@pytest.mark.parametrize("changes", [{"max_age": "0"}, {"claims": '{"id_token": {"sub": {"value": "99"}}}'}], ids=str)
def test_a_sign_in_that_is_not_good_enough_is_djangos(ask: Ask, changes: dict[str, str]) -> None:
    """The user has to sign in, which needs a page."""
    with pytest.raises(Left):
        ask(**changes)
