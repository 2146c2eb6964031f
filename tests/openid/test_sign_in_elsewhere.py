"""The way to the sign-in and back: LOGIN_URL on this host, on another host, or with another scheme."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.test import Client as Browser
from django.test import RequestFactory
from pytest_django import Settings

import oauth_service
from tests import addresses
from tests.actors import FORM

from .conftest import RelyingParty, answer_of

everywhere = pytest.mark.parametrize(
    "login_url",
    [
        "/login/",
        "/accounts/login/?theme=dark",
        "http://testserver/login/",
        "https://testserver/login/",
        "//accounts.example.com/login/",
        "https://accounts.example.com/login/?tenant=1#form",
        "https://accounts.example.com:8443/login/",
    ],
)


def next_of(answer: Any) -> str:
    """Return the URL that the sign-in continues to."""
    [onward] = parse_qs(str(urlsplit(answer["Location"]).query))["next"]
    return onward


def agrees_with_django(answer: Any, login_url: str) -> bool:
    """Return whether a redirect to the login page, and its target, are the same as those of Django's own decorator."""

    @login_required(login_url=login_url)
    def view(request: HttpRequest) -> HttpResponse:
        raise AssertionError("nobody is signed in")

    there, wanted = urlsplit(answer["Location"]), urlsplit(login_url)
    assert (answer.status_code, there[:3], there.fragment) == (302, wanted[:3], wanted.fragment)
    assert wanted.query in there.query
    onward = urlsplit(next_of(answer))
    request = RequestFactory().get(onward._replace(scheme="", netloc="").geturl())
    request.user = AnonymousUser()
    return next_of(answer) == next_of(view(request))


@everywhere
def test_every_page_sends_people_to_sign_in_as_django_does(
    rp: RelyingParty, provider: Settings, login_url: str
) -> None:
    """The server used to treat a login page on another host as a path of its own."""
    provider.LOGIN_URL = login_url
    stranger = Browser()
    answers = [
        *(stranger.generic(method, path) for path in addresses.FOR_PEOPLE for method in ("GET", "POST")),
        stranger.get("/authorise/", rp.request()),
        stranger.get("/authorise/", rp.request(scope="nothing")),
        *(
            stranger.post("/authorise/", urlencode(rp.request(response_type=asked)), content_type=FORM)
            for asked in ("code", "")
        ),
        *(stranger.get("/authorise/", rp.request(prompt=prompt)) for prompt in ("login", "consent", "select_account")),
    ]
    sent = [answer for answer in answers if "next=" in answer.headers.get("Location", "")]
    assert (
        len(sent) >= 4 + 7
    )  # those of the authorization endpoint, and /manage-apps/ and /oauth/deauthorise/ in both forms
    assert [answer["Location"] for answer in sent if not agrees_with_django(answer, login_url)] == []


@everywhere
@pytest.mark.parametrize("changes", [{"prompt": "login"}, {"max_age": "0"}], ids=["prompt=login", "max_age=0"])
def test_a_fresh_sign_in_comes_back_too(
    rp: RelyingParty, provider: Settings, login_url: str, changes: dict[str, str]
) -> None:
    """The parameter that asks for it is in the query, before any fragment of the URL."""
    rp.sign_in()
    provider.LOGIN_URL = login_url
    answer = rp.ask(**changes)
    assert agrees_with_django(answer, login_url)
    assert parse_qs(urlsplit(answer["Location"]).query)["reauthenticate"] == ["1"]


@everywhere
def test_a_stronger_sign_in_comes_back_too(rp: RelyingParty, provider: Settings, login_url: str) -> None:
    """The page for a second factor may be on another host, too."""
    provider.OAUTH_SERVICE_STEP_UP_URLS = {"gold": login_url}
    rp.sign_in()
    answer = rp.ask(claims='{"id_token": {"acr": {"essential": true, "value": "gold"}}}')
    assert agrees_with_django(answer, login_url)
    back = urlsplit(next_of(answer))
    page = rp.browser.get(f"{back.path}?{back.query}")
    assert answer_of(page)["error"] == "unmet_authentication_requirements"


@everywhere
def test_who_has_signed_out_is_offered_the_page_of_the_project(db: None, provider: Settings, login_url: str) -> None:
    """The password may be unknown on this app's own login page."""
    provider.LOGIN_URL = login_url
    assert f'href="{login_url}"' in Browser().get("/signed-out/").content.decode()


def test_one_function_sends_people_to_sign_in() -> None:
    """A developer who adds a page must use the same function."""
    rooms = Path(oauth_service.__file__).parent
    ways = ("redirect_to_login", "@login_required", "LoginRequiredMixin", "user_passes_test")
    found = {
        str(path.relative_to(rooms)) for path in rooms.rglob("*.py") if any(way in path.read_text() for way in ways)
    }
    assert found == {"web/redirects.py"}
