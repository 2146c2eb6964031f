"""/login/: sign in, and continue the request that brought the user here. Never redirect anywhere else."""

import re
from typing import Any
from urllib.parse import unquote, urlencode

import pytest
from django.contrib.auth.models import User
from django.forms import CharField, EmailInput
from django.test import Client as Browser
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from oauth_service.models import Client
from oauth_service.people.sign_in import LimitedForm
from oauth_service.web.redirects import LONGEST_REDIRECT
from tests.endpoints.page import Page
from tests.guide import REDIRECT_URI, Guide

MALICE = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "http:evil.example",
    "javascript:alert(1)",
    "https://testserver@evil.example/",
    "//[",
    " //evil.example",
    "//\t/evil.example",
    "/\n/evil.example",
]


def login_page(browser: Browser, goes_on: str = "") -> Page:
    """Return the login page for a pending request."""
    return Page(browser.get("/login/", {"next": goes_on} if goes_on else {}))


def request_of(guide: Guide, **changes: str) -> str:
    """Return the URL of step 1."""
    return f"/authorise/?{urlencode(guide.request(**changes))}"


def form_action(response: Any) -> str:
    """Return the form-action directive of the page's Content-Security-Policy; "" if there is none."""
    directives = response["Content-Security-Policy"].split("; ")
    return "".join(directive for directive in directives if directive.startswith("form-action"))


# -- signing in ------------------------------------------------------------------------------------------------------


def test_who_signs_in_goes_on_to_what_waits(browser: Browser, guide: Guide) -> None:
    """The page names the app that is waiting."""
    page = login_page(browser, request_of(guide))
    assert "Sign in to continue to Prescription Manager" in page.text
    response = page.press(browser, "Sign in", username="alice", password="wonderland")
    assert response["Location"] == request_of(guide)


def test_who_just_signs_in_finds_the_connected_apps(browser: Browser, alice: User) -> None:
    """This app has no other page to show after a sign-in."""
    page = login_page(browser)
    assert "to continue to" not in page.text
    assert page.press(browser, "Sign in", username="alice", password="wonderland")["Location"] == "/manage-apps/"


def test_what_an_app_has_not_registered_leaves_no_trace(browser: Browser, guide: Guide) -> None:
    """Missing links and pictures leave no empty list and no empty frame."""
    shown = browser.get("/login/", {"next": request_of(guide)}).content.decode()
    assert [words for words in ('class="policies"', "tile-logo") if words in shown] == []


def test_an_app_whose_request_would_be_refused_shows_nothing(browser: Browser, guide: Guide, presc_man: Client) -> None:
    """Otherwise anybody could make a link that shows a well-known app on the login page."""
    Client.objects.update(policy_uri="https://app.example/privacy", logo_uri="https://app.example/logo.png")
    asked, forged = request_of(guide), request_of(guide, redirect_uri="https://evil.example/")
    shown = [browser.get("/login/", {"next": url}).content.decode() for url in (asked, forged)]
    assert ["https://app.example/privacy" in page and "tile-logo" in page for page in shown] == [True, False]


def test_a_project_may_send_them_elsewhere(browser: Browser, alice: User, settings: Settings) -> None:
    """Django's LOGIN_REDIRECT_URL is respected."""
    settings.LOGIN_REDIRECT_URL = "/elsewhere/"
    page = login_page(browser)
    assert page.press(browser, "Sign in", username="alice", password="wonderland")["Location"] == "/elsewhere/"


@pytest.mark.parametrize(
    ("username", "password"), [("alice", "Wonderland"), ("nobody", "wonderland")], ids=["password", "username"]
)
def test_a_refusal_does_not_tell_which_of_the_two_is_wrong(
    browser: Browser, guide: Guide, username: str, password: str
) -> None:
    """The pending request and the typed name survive a failed attempt; the password is not sent back."""
    response = login_page(browser, request_of(guide)).press(browser, "Sign in", username=username, password=password)
    page = Page(response)
    assert "Please enter a correct username and password." in page.text
    assert page.form_of("Sign in").fields == {
        "csrfmiddlewaretoken": page.form_of("Sign in").fields["csrfmiddlewaretoken"],
        "next": request_of(guide),
        "username": username,
        "password": "",
    }


def test_who_was_deactivated_cannot_sign_in(browser: Browser, alice: User) -> None:
    """The words are those for a wrong password."""
    User.objects.update(is_active=False)
    page = Page(login_page(browser).press(browser, "Sign in", username="alice", password="wonderland"))
    assert "Please enter a correct username and password." in page.text


def test_a_login_without_our_page_is_refused(browser: Browser, alice: User) -> None:
    """Login CSRF must not put Alice into an attacker's account."""
    response = browser.post("/login/", {"username": "alice", "password": "wonderland"})
    assert (response.status_code, "sessionid" in response.cookies) == (403, False)


def test_who_is_signed_in_goes_on_at_once(alices: Browser, guide: Guide) -> None:
    """The user may have signed in in another tab."""
    assert alices.get("/login/", {"next": request_of(guide)})["Location"] == request_of(guide)


@pytest.mark.parametrize("goes_on", ["/login/", "/login", "/login/?next=/login/", "/login/?next=/manage-apps/"])
@pytest.mark.parametrize("is_signed_in", [True, False], ids=["signed in", "not signed in"])
def test_the_login_never_leads_to_itself(browser: Browser, alice: User, goes_on: str, is_signed_in: bool) -> None:
    """Django would detect a redirection loop and fail."""
    if is_signed_in:
        browser.force_login(alice)
        response = browser.get("/login/", {"next": goes_on})
    else:
        page = login_page(browser, goes_on)
        response = page.press(browser, "Sign in", username="alice", password="wonderland")
    assert (response.status_code, response["Location"]) == (302, "/manage-apps/")


def test_a_session_starts_anew_with_the_login(browser: Browser, alice: User) -> None:
    """Somebody who planted a session id must not share the signed-in session."""
    browser.get("/login/")
    browser.cookies["sessionid"] = "planted"
    login_page(browser).press(browser, "Sign in", username="alice", password="wonderland")
    assert browser.cookies["sessionid"].value != "planted"


@pytest.mark.parametrize("is_signed_in", [True, False], ids=["signed in", "not signed in"])
def test_a_request_goes_on_however_long_its_state_is(guide: Guide, alices: Browser, is_signed_in: bool) -> None:
    """Django drops a target that is longer than 2048 characters, and some clients keep much data in their state."""
    goes_on = request_of(guide, state="x" * 4000)
    if is_signed_in:
        response = alices.get("/login/", {"next": goes_on})
    else:
        alices.logout()
        response = login_page(alices, goes_on).press(alices, "Sign in", username="alice", password="wonderland")
    assert response["Location"] == goes_on


def test_a_request_goes_on_if_it_is_exactly_as_long_as_a_redirect_may_be(guide: Guide, alices: Browser) -> None:
    """Every supported release of Django redirects to URLs of that length."""
    goes_on = request_of(guide)
    goes_on += "x" * (LONGEST_REDIRECT - len(goes_on))
    assert alices.get("/login/", {"next": goes_on})["Location"] == goes_on


@pytest.mark.parametrize(
    "state", ["x" * 20_000, "ü" * (LONGEST_REDIRECT // 2)], ids=["ASCII", "longer once it is encoded"]
)
def test_a_request_longer_than_a_redirect_may_be_is_given_up(alices: Browser, guide: Guide, state: str) -> None:
    """The user is signed in and sees no error. The authorization endpoint would not have sent such a request here."""
    goes_on = f"{request_of(guide)}&more={state}"
    response = alices.get("/login/", {"next": goes_on})
    assert (response.status_code, response["Location"]) == (302, "/manage-apps/")


# -- redirects to other sites ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("goes_on", MALICE)
def test_the_login_leads_to_no_other_site(browser: Browser, alice: User, goes_on: str) -> None:
    """Phishers love an open redirect on a login page."""
    page = login_page(browser, goes_on)
    response = page.press(browser, "Sign in", username="alice", password="wonderland")
    assert (response.status_code, response["Location"]) == (302, "/manage-apps/")


@hypothesis_settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    goes_on=st.lists(st.sampled_from(["/", "\\", ":", "@", "evil.example", "http", " ", "\t", "?", "[", "login"]))
    .map("".join)
    .filter(bool)
)
def test_nothing_put_together_leads_to_another_site(alices: Browser, goes_on: str) -> None:
    """Browsers read slashes, backslashes, schemes and white space more generously than they should."""
    target = alices.get("/login/", {"next": goes_on})["Location"]
    as_browsers_read_it = re.sub(r"[\t\n\r]", "", unquote(target).strip()).replace("\\", "/")
    # A scheme, or something that could be a host. "//" alone leads nowhere.
    assert not re.match(r"\w+:|//+[^/?]*\w", as_browsers_read_it), target


# -- the page's policy -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("redirect_uri", [REDIRECT_URI, "com.example.pills:/callback"])
@pytest.mark.parametrize("path", ["/authorise/", "/authorise"])
def test_the_form_may_lead_on_from_the_client_that_waits(
    browser: Browser, guide: Guide, path: str, redirect_uri: str
) -> None:
    """
    If the user allowed the app before, the browser goes straight there, and form-action applies to every redirect.
    """
    Client.objects.update(redirect_uris=redirect_uri)
    goes_on = f"{path}?{urlencode(guide.request(redirect_uri=redirect_uri))}"
    response = browser.get("/login/", {"next": goes_on})
    refused = Page(response).press(browser, "Sign in", username="alice", password="wrong")
    assert (form_action(response), form_action(refused)) == ("", "")


def test_the_form_may_lead_on_from_a_page_of_the_project(browser: Browser, settings: Settings, db: None) -> None:
    """A page of the project may redirect to another host, and so may LOGIN_REDIRECT_URL."""
    assert form_action(browser.get("/login/", {"next": "/reports/"})) == ""
    settings.LOGIN_REDIRECT_URL = "https://intranet.example/manage-apps/"
    assert form_action(browser.get("/login/")) == ""


@pytest.mark.parametrize(
    "changes",
    [{"redirect_uri": "https://evil.example/"}, {"client_id": "nobody"}, {"client_id": ""}, {"state": "\0"}],
    ids=["redirect_uri", "unknown client", "no client", "NUL byte"],
)
def test_a_target_that_is_not_verified_leads_nowhere(browser: Browser, guide: Guide, changes: dict[str, str]) -> None:
    """
    An unverified target affects neither the policy nor the words. The authorization endpoint reports the fault later.
    """
    response = browser.get("/login/", {"next": request_of(guide, **changes)})
    assert (response.status_code, form_action(response)) == (200, "form-action 'self'")
    assert "Prescription Manager" not in Page(response).text


@pytest.mark.parametrize("goes_on", ["", "/manage-apps/", "/manage-apps?a=b"])
def test_a_form_that_ends_at_a_page_of_ours_leads_nowhere_else(browser: Browser, db: None, goes_on: str) -> None:
    """Data typed there is for this server alone."""
    assert form_action(browser.get("/login/", {"next": goes_on})) == "form-action 'self'"


def test_the_name_of_the_service_is_the_hosts(browser: Browser, db: None, settings: Settings) -> None:
    """OAUTH_SERVICE_SERVICE_NAME is shown on the page."""
    settings.OAUTH_SERVICE_SERVICE_NAME = "Wonderland ID"
    assert "Wonderland ID never gives your password to an app." in login_page(browser).text


@pytest.mark.parametrize(
    ("field", "kind", "label"), [("username", "text", "Username"), ("email", "email", "Email address")]
)
def test_the_field_is_of_the_kind_that_people_sign_in_with(
    browser: Browser, db: None, monkeypatch: pytest.MonkeyPatch, field: str, kind: str, label: str
) -> None:
    """A telephone then shows the keyboard with @, and a password manager still knows what to fill in."""
    monkeypatch.setattr(User, "USERNAME_FIELD", field)
    html = browser.get("/login/").content.decode()
    [given] = re.findall(r'<input [^>]*name="username"[^>]*>', html)
    for attribute in (f'type="{kind}"', 'autocomplete="username"', 'autocapitalize="none"', 'spellcheck="false"'):
        assert attribute in given
    assert f'<label for="id_username">{label}</label>' in html
    assert 'autocomplete="current-password"' in html


class EmailForm(LimitedForm):
    """A form that asks for an address, though the user model has names."""

    username = CharField(widget=EmailInput)


def test_a_form_of_the_projects_says_which_kind_its_field_is(
    browser: Browser, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project may sign users in by e-mail address although its user model has names."""
    monkeypatch.setattr("oauth_service.endpoints.login._Login.authentication_form", EmailForm)
    [given] = re.findall(r'<input [^>]*name="username"[^>]*>', browser.get("/login/").content.decode())
    assert 'type="email"' in given
    assert 'autocomplete="username"' in given


# -- another login page ------------------------------------------------------------------------------------------------

ELSEWHERE = [
    "/accounts/login/",
    "/accounts/login/?theme=dark",
    "https://sso.example/sign-in/",
    "https://sso.example/login/",
]


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("login_url", ELSEWHERE)
def test_a_project_with_another_login_page_has_no_second_one(
    alice: User, settings: Settings, login_url: str, slash: str
) -> None:
    """The other page may require a second factor. A password must not be enough at this one."""
    browser = Browser()
    settings.LOGIN_URL = login_url
    alice.set_password("wonderland")
    alice.save()
    filled = {"username": "alice", "password": "wonderland", "next": "/manage-apps/?page=2"}
    for answer in (browser.get(f"/login{slash}", {"next": filled["next"]}), browser.post(f"/login{slash}", filled)):
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, login_url.partition("?")[0])
        onward = unquote(answer["Location"]).partition("next=")[2]
        assert onward.removeprefix("http://testserver") == filled["next"]
    assert "_auth_user_id" not in browser.session


@pytest.mark.parametrize("malice", MALICE)
def test_the_way_to_the_other_page_leads_to_no_other_site(
    browser: Browser, db: None, settings: Settings, malice: str
) -> None:
    """The other page might trust what this server sends."""
    settings.LOGIN_URL = "https://sso.example/sign-in/"
    onward = unquote(browser.get("/login/", {"next": malice})["Location"]).partition("next=")[2]
    assert onward == "http://testserver/manage-apps/"


@pytest.mark.parametrize(
    "login_url", ["/login", "/login/?theme=dark", "http://testserver/login/", "http://localhost:8000/login/"]
)
def test_our_own_page_is_not_another_one(browser: Browser, db: None, settings: Settings, login_url: str) -> None:
    """Otherwise it would redirect to itself. The last URL is that of the issuer, as browsers see it behind a proxy."""
    settings.LOGIN_URL = login_url
    assert browser.get("/login/").status_code == 200
