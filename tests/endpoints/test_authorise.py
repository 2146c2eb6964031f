"""/authorise/: sign in, be asked, answer. No browser is ever sent to an address that the client has not registered."""

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from oauth_service.models import AuthorizationCode, Client, Consent
from oauth_service.protocol import pkce
from oauth_service.tokens import issue
from tests.database import ALIAS
from tests.endpoints.conftest import Reasons
from tests.endpoints.page import Page
from tests.guide import FORM, REDIRECT_URI, Guide, query_of

USER = "Your username and e-mail address"
PROFILE = "Your name and when your profile was last updated"
CHALLENGE = pkce.challenge_of("a" * 43)
REFERENCE = re.compile(r"\b[0-9a-f]{12}\b")


def asked(browser: Browser, guide: Guide, **changes: str) -> Page:
    """Return the page that step 1 leads to."""
    return Page(browser.get("/authorise/", guide.request(**changes)))


def scopes_on(page: Page) -> list[str]:
    """Return the scopes on the page, without the facts below the list."""
    return [item for item in page.items if item.startswith(("Your ", "calendar"))]


# -- signing in ------------------------------------------------------------------------------------------------------


def test_who_is_not_signed_in_signs_in_and_is_asked_then(browser: Browser, guide: Guide) -> None:
    """The whole request continues after the sign-in, so that Alice can allow it and the client gets its state back."""
    landed = browser.get("/authorise/", guide.request(), follow=True)
    landed = Page(landed).press(browser, "Sign in", username="alice", password="wonderland")
    page = Page(browser.get(landed["Location"]))
    answer = query_of(page.press(browser, "Allow")["Location"])
    assert (answer["state"], guide.exchange(answer["code"]).status_code) == ("xyzABC123", 200)


def test_a_request_sent_by_post_goes_on_after_signing_in_too(browser: Browser, guide: Guide) -> None:
    """
    The request by POST follows OpenID Connect Core section 3.1.2.1. After the login it can only continue as a GET.
    """
    request = guide.request(code_challenge=CHALLENGE, code_challenge_method="S256", nonsense="1")
    sent = browser.post("/authorise/", urlencode(request), content_type=FORM)
    onward = query_of(query_of(sent["Location"])["next"])
    assert onward == {name: value for name, value in request.items() if name != "nonsense"}


def test_an_answer_after_the_session_ended_leads_to_the_login_and_asks_again(
    alices: Browser, guide: Guide, alice: User
) -> None:
    """Nothing is allowed without a user, and the request is not lost."""
    page = asked(alices, guide)
    alices.cookies.pop("sessionid")
    answered = page.press(alices, "Allow")
    alices.force_login(alice)
    again = Page(alices.get(query_of(answered["Location"])["next"]))
    assert (answered["Location"].partition("?")[0], again.buttons[-2:]) == ("/login/", ["Allow", "Deny"])
    assert Consent.objects.count() == 0


def test_who_was_deactivated_has_to_sign_in(alices: Browser, guide: Guide) -> None:
    """An open consent page must not let a deactivated user allow anything."""
    page = asked(alices, guide)
    User.objects.update(is_active=False)
    assert page.press(alices, "Allow")["Location"].startswith("/login/?next=")
    assert Consent.objects.count() == 0


# -- content of the page ---------------------------------------------------------------------------------------------


def test_the_page_says_who_asks_for_what_and_where_the_browser_goes(alices: Browser, guide: Guide) -> None:
    """Alice reads everything that she needs for her decision, in words."""
    text = asked(alices, guide).text
    missing = [
        words
        for words in (
            "Allow Prescription Manager to see part of your account?",
            "Run by Wonderland Health",
            "Signed in as alice",
            f"Prescription Manager will be able to see: {USER} {PROFILE} ",
            "Whichever you choose, your browser goes next to 127.0.0.1:5000",
            "It stays connected until you disconnect it in Manage Connected Apps",
        )
        if words not in text
    ]
    assert missing == [], text


def test_allow_and_deny_are_offered_equally(alices: Browser, guide: Guide) -> None:
    """Both buttons have the same size. Icon, word and colour tell them apart, and none is preselected."""
    html = alices.get("/authorise/", guide.request()).content.decode()
    allow, deny = re.findall(
        r'<button type="submit"\s+class="(button [^"]*)".*?(<path [^>]*>)\s*</svg>\s*(\w+)', html, re.DOTALL
    )
    assert (allow[0], allow[2]) == ("button button-choice button-allow", "Allow")
    assert (deny[0], deny[2]) == ("button button-choice button-deny", "Deny")
    assert allow[1] != deny[1]
    assert "autofocus" not in html


def test_only_what_is_asked_for_is_shown(alices: Browser, guide: Guide) -> None:
    """The page lists the requested scope, not the whole scope of the client."""
    assert scopes_on(asked(alices, guide, scope="profile")) == [PROFILE]


def test_a_client_that_names_no_scope_asks_for_all_it_may_have(alices: Browser, guide: Guide) -> None:
    """The page lists the whole scope of the client then."""
    assert scopes_on(asked(alices, guide, scope="")) == [USER, PROFILE]


def test_a_scope_without_words_is_shown_by_its_name(alices: Browser, guide: Guide) -> None:
    """A scope that the operator forgot to describe must still be visible."""
    Client.objects.update(scope="user calendar")
    assert scopes_on(asked(alices, guide, scope="calendar user")) == ["calendar", USER]


def test_words_of_the_host_project_are_taken(alices: Browser, guide: Guide, settings: Settings) -> None:
    """OAUTH_SERVICE_SCOPES replaces the words on the page."""
    settings.OAUTH_SERVICE_SCOPES = {"user": "Your hat size", "profile": "Your tea parties"}
    assert scopes_on(asked(alices, guide)) == ["Your hat size", "Your tea parties"]


def test_nothing_is_marked_as_new_the_first_time(alices: Browser, guide: Guide) -> None:
    """Everything is new on a first request, so marking it would say nothing."""
    page = asked(alices, guide)
    assert "You have connected this app before" not in page.text
    assert [item for item in page.items if item.endswith(" New")] == []


def test_what_was_allowed_before_has_room_beside_the_new(alices: Browser, guide: Guide) -> None:
    """The column has room however often an operator gives a client another scope, because allowed scopes add up."""
    for letter in "ab":
        scope = " ".join(f"{letter}{number:03}{'x' * 40}" for number in range(20))
        Client.objects.update(scope=scope)
        answered = asked(alices, guide, scope="").press(alices, "Allow")
        assert "code" in query_of(answered["Location"])
    assert len(Consent.objects.get().scope.split()) == 40


def test_what_is_new_since_last_time_is_marked(alices: Browser, guide: Guide) -> None:
    """Marking new scopes saves users from comparing with what they read last time."""
    asked(alices, guide, scope="user").press(alices, "Allow")
    page = asked(alices, guide)
    assert scopes_on(page) == [USER, f"{PROFILE} New"]
    assert "You have connected this app before. Anything new is marked." in page.text


def test_it_says_so_when_nobody_stated_who_runs_the_app(alices: Browser, guide: Guide) -> None:
    """A missing operator is a fact that matters for the decision, too."""
    Client.objects.update(operator="")
    assert "Who runs it is not stated" in asked(alices, guide).text


def test_an_app_of_the_service_needs_no_operator(alices: Browser, guide: Guide) -> None:
    """The page once said both "Who runs it is not stated" and "An app of this service"."""
    Client.objects.update(operator="", is_first_party=True)
    text = asked(alices, guide).text
    assert "An app of this service" in text
    assert "Who runs it" not in text


def test_the_apps_own_pages_are_linked(alices: Browser, guide: Guide) -> None:
    """The links open in another tab, so that the question stays open. Each link names its host."""
    Client.objects.update(
        client_uri="https://rx.example/", policy_uri="https://rx.example/privacy", tos_uri="https://rx.example/terms"
    )
    links = asked(alices, guide).links
    assert {words: href for words, href in links.items() if href.startswith("https:")} == {
        "Website rx.example (opens in a new tab)": "https://rx.example/",
        "Privacy policy rx.example (opens in a new tab)": "https://rx.example/privacy",
        "Terms rx.example (opens in a new tab)": "https://rx.example/terms",
    }


def test_an_app_on_the_device_is_named_by_its_scheme(alices: Browser, alice: User, public_app: Client) -> None:
    """A native app has no host. The operating system finds it by its scheme alone."""
    request = {"redirect_uri": "com.example.pills:/callback", "code_challenge": CHALLENGE}
    page = asked(alices, Guide(alice, public_app), code_challenge_method="S256", **request)
    assert "your browser goes next to com.example.pills (an app on this device)" in page.text


def test_a_name_cannot_bring_markup_onto_the_page(alices: Browser, guide: Guide) -> None:
    """Anyone who registers an app chooses its name."""
    Client.objects.update(name="<b>Rx</b>", operator='"><form action=//evil.example>')
    page = asked(alices, guide)
    assert "Allow <b>Rx</b> to see part of your account?" in page.text
    assert 'Run by "><form action=//evil.example>' in page.text


@pytest.mark.parametrize(
    "redirect_uri",
    ["http://127.0.0.1:5000/callback", "https://rx.example/callback?tenant=1", "com.example.pills:/callback"],
)
def test_the_form_may_lead_on_from_the_client(alices: Browser, guide: Guide, redirect_uri: str) -> None:
    """Browsers apply form-action to every redirect, and only the client knows where its callback leads."""
    Client.objects.update(redirect_uris=redirect_uri)
    headers = alices.get("/authorise/", guide.request(redirect_uri=redirect_uri)).headers
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert (headers["X-Frame-Options"], headers["Referrer-Policy"]) == ("DENY", "same-origin")
    assert headers["Cache-Control"] == "private, no-store"


# -- the answer ------------------------------------------------------------------------------------------------------


def test_allow_sends_a_code_for_what_was_shown(alices: Browser, guide: Guide) -> None:
    """The consent is remembered as it was shown."""
    location = asked(alices, guide, scope="profile").press(alices, "Allow")["Location"]
    answer = query_of(location)
    assert location.startswith(REDIRECT_URI + "?")
    assert sorted(answer) == ["code", "iss", "state"]
    assert guide.exchange(answer["code"]).json()["scope"] == "profile"
    assert Consent.objects.get().scope == "profile"


def test_deny_tells_the_client_and_leaves_nothing(alices: Browser, guide: Guide, reasons: Reasons) -> None:
    """A denial is an answer, not an error."""
    location = asked(alices, guide).press(alices, "Deny")["Location"]
    assert location.startswith(REDIRECT_URI + "?")
    assert query_of(location) == {
        "error": "access_denied",
        "error_description": "the user did not allow it",
        "state": "xyzABC123",
        "iss": "http://localhost:8000",
    }
    assert (Consent.objects.count(), AuthorizationCode.objects.count()) == (0, 0)
    assert "error=access_denied" in reasons()[-1]


@pytest.mark.django_db(transaction=True)
def test_an_app_that_is_removed_before_the_answer_is_stored_gets_no_code(
    alices: Browser, guide: Guide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database refuses the consent at the COMMIT. The client gets an error response, not a 500."""
    page = asked(alices, guide)
    make = issue.code

    def removed_meanwhile(*args: Any, **kwargs: Any) -> str:
        Client.objects.all()._raw_delete(ALIAS)
        return make(*args, **kwargs)

    monkeypatch.setattr(issue, "code", removed_meanwhile)
    answer = query_of(page.press(alices, "Allow")["Location"])
    assert (answer["error"], Consent.objects.count(), AuthorizationCode.objects.count()) == ("access_denied", 0, 0)


def test_denying_more_takes_nothing_back(alices: Browser, guide: Guide) -> None:
    """A denial leaves earlier consents alone. Withdrawing them takes another button, on another page."""
    tokens = guide.tokens(scope="user")
    asked(alices, guide).press(alices, "Deny")
    assert guide.is_alive(tokens["access_token"])
    assert Consent.objects.get().scope == "user"


def test_a_real_browser_needs_the_csrf_token_of_our_page(alices: Browser, guide: Guide) -> None:
    """Otherwise any page on the web could allow any app in Alice's name."""
    asked(alices, guide)
    response = alices.post("/authorise/", urlencode(guide.request(response_type="")), content_type=FORM)
    assert (response.status_code, Consent.objects.count(), AuthorizationCode.objects.count()) == (403, 0, 0)
    assert "This page can no longer be sent" in Page(response).text


def test_a_csrf_token_of_another_browser_is_none(alices: Browser, guide: Guide, alice: User) -> None:
    """Attackers have valid CSRF tokens of their own."""
    theirs = Browser(enforce_csrf_checks=True)
    theirs.force_login(alice)
    stolen = asked(theirs, guide)
    asked(alices, guide)
    assert (stolen.press(alices, "Allow").status_code, Consent.objects.count()) == (403, 0)


def test_an_answer_without_csrf_is_not_even_a_denial(alices: Browser, guide: Guide) -> None:
    """Another site's page must not be able to deny a request either."""
    denial = guide.request(response_type="", deny="1")
    assert alices.post("/authorise/", urlencode(denial), content_type=FORM).status_code == 403


def test_a_request_by_post_is_asked_about_as_one_by_get(alices: Browser, guide: Guide) -> None:
    """
    A POST with response_type is a request, which any site may send without a CSRF token. Only the answer needs one.
    """
    page = Page(alices.post("/authorise/", urlencode(guide.request()), content_type=FORM))
    assert scopes_on(page) == [USER, PROFILE]
    assert query_of(page.press(alices, "Allow")["Location"])["state"] == "xyzABC123"


def test_a_request_by_post_never_answers_itself(alices: Browser, guide: Guide) -> None:
    """A form with response_type is not the user's answer, whatever else it contains."""
    form = guide.request(allow="1", csrfmiddlewaretoken="guessed")
    assert alices.post("/authorise/", urlencode(form), content_type=FORM).status_code == 200
    assert Consent.objects.count() == 0


def test_the_unslashed_address_answers_and_its_form_leads_back_to_it(alices: Browser, guide: Guide) -> None:
    """There is no redirect in between, which would lose the body of a POST."""
    page = Page(alices.get("/authorise", guide.request()))
    assert page.form_of("Allow").action == "/authorise"
    assert page.press(alices, "Allow")["Location"].startswith(REDIRECT_URI + "?code=")


def test_not_me_leads_to_the_login_and_back_to_the_question(alices: Browser, guide: Guide) -> None:
    """Two people may share a computer: the request waits for the other one."""
    User.objects.create_user("dinah", password="mousehole")
    out = asked(alices, guide).press(alices, "Not you? Sign out")
    login = Page(alices.get(out["Location"], follow=True))
    back = login.press(alices, "Sign in", username="dinah", password="mousehole")
    assert "Signed in as dinah" in Page(alices.get(back["Location"])).text


# -- tabs ------------------------------------------------------------------------------------------------------------


def test_two_tabs_never_collide(alices: Browser, guide: Guide) -> None:
    """Nothing is kept in the session: each page carries its own request, so they can be answered in any order."""
    first = asked(alices, guide, state="first", scope="user")
    second = asked(alices, guide, state="second", scope="profile")
    answers = [query_of(tab.press(alices, "Allow")["Location"]) for tab in (second, first)]
    scopes = [guide.exchange(answer["code"]).json()["scope"] for answer in answers]
    assert [answer["state"] for answer in answers] == ["second", "first"]
    assert scopes == ["profile", "user"]
    assert Consent.objects.get().scope == "profile user"


def test_two_tabs_may_be_answered_differently(alices: Browser, guide: Guide) -> None:
    """Denying one request must not answer the other."""
    first, second = asked(alices, guide, state="first"), asked(alices, guide, state="second")
    assert query_of(second.press(alices, "Deny")["Location"])["state"] == "second"
    assert "code" in query_of(first.press(alices, "Allow")["Location"])


def test_the_same_page_may_be_sent_twice(alices: Browser, guide: Guide) -> None:
    """A double click makes two codes and one consent, and no error page replaces the first response."""
    page = asked(alices, guide)
    codes = {query_of(page.press(alices, "Allow")["Location"])["code"] for _ in range(2)}
    assert (len(codes), Consent.objects.count()) == (2, 1)


# -- changes while the page is open ----------------------------------------------------------------------------------


def test_what_is_issued_is_never_more_than_what_was_shown(alices: Browser, guide: Guide) -> None:
    """The request names no scope, so the page shows the client's scope at the time; the operator then extends it."""
    Client.objects.update(scope="user")
    page = asked(alices, guide, scope="")
    Client.objects.update(scope="user profile")
    code = query_of(page.press(alices, "Allow")["Location"])["code"]
    assert guide.exchange(code).json()["scope"] == "user"
    assert Consent.objects.get().scope == "user"


def test_what_is_issued_is_never_more_than_the_client_may_have(alices: Browser, guide: Guide) -> None:
    """The operator reduced the scope while the page was open. The client gets an error, and may ask again."""
    page = asked(alices, guide)
    Client.objects.update(scope="user")
    assert query_of(page.press(alices, "Allow")["Location"])["error"] == "invalid_scope"
    assert Consent.objects.count() == 0


def test_the_answer_goes_nowhere_when_its_target_was_withdrawn(alices: Browser, guide: Guide) -> None:
    """The whole request is checked again together with the answer."""
    page = asked(alices, guide)
    Client.objects.update(redirect_uris="https://elsewhere.example/callback")
    response = page.press(alices, "Allow")
    assert (response.status_code, "Location" in response, Consent.objects.count()) == (400, False, 0)


@pytest.mark.parametrize(
    "tampered",
    [{"redirect_uri": "https://evil.example/"}, {"client_id": "nobody"}, {"client_id": ""}],
    ids=["redirect_uri", "unknown client_id", "no client_id"],
)
def test_hidden_fields_are_not_believed(alices: Browser, guide: Guide, tampered: dict[str, str]) -> None:
    """Hidden fields come back through the browser, where anybody can change them."""
    response = asked(alices, guide).press(alices, "Allow", **tampered)
    assert (response.status_code, "Location" in response, Consent.objects.count()) == (400, False, 0)


# -- remembered consent ----------------------------------------------------------------------------------------------


def test_who_has_allowed_it_before_is_not_asked_again(alices: Browser, guide: Guide) -> None:
    """A request for less than the remembered scope is not asked about either."""
    asked(alices, guide).press(alices, "Allow")
    answers = [
        query_of(alices.get("/authorise/", guide.request(scope=s))["Location"]) for s in ("user profile", "user")
    ]
    assert [guide.exchange(answer["code"]).json()["scope"] for answer in answers] == ["user profile", "user"]


def test_another_person_is_asked(alices: Browser, guide: Guide) -> None:
    """A consent belongs to one user."""
    asked(alices, guide).press(alices, "Allow")
    alices.force_login(User.objects.create_user("dinah"))
    assert "Allow" in asked(alices, guide).buttons


def test_a_client_that_shall_not_be_remembered_asks_every_time(alices: Browser, guide: Guide) -> None:
    """The client's remembers_consent setting decides."""
    Client.objects.update(remembers_consent=False)
    asked(alices, guide).press(alices, "Allow")
    page = asked(alices, guide)
    assert ("Allow" in page.buttons, "You have connected this app before" in page.text) == (True, True)


@pytest.mark.parametrize(
    ("redirect_uri", "is_asked"), [("http://127.0.0.1:5000/callback", True), ("https://pills.example/callback", False)]
)
def test_a_client_that_nothing_proves_asks_every_time(
    alices: Browser, alice: User, public_app: Client, redirect_uri: str, is_asked: bool
) -> None:
    """RFC 8252 section 8.6: any app on a device can claim a public client's address, unless it is https."""
    Client.objects.update(redirect_uris=f"http://127.0.0.1/callback\n{redirect_uri}")
    request = {"redirect_uri": redirect_uri, "code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    guide = Guide(alice, public_app)
    asked(alices, guide, **request).press(alices, "Allow")
    assert ("Allow" in asked(alices, guide, **request).buttons) == is_asked


def test_after_deauthorising_the_question_comes_back(guide: Guide) -> None:
    """The page looks as on the first request, and does not say that the app is known."""
    guide.answer()
    guide.deauthorise()
    assert "You have connected this app before" not in Page(guide.ask()).text


# -- refused on a page -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"client_id": ""}, "client_id is missing"),
        ({"client_id": "nobody"}, "no client has this client_id, logged as 'unproven:"),
        ({"client_id": "n" * 200}, "no client has this client_id, logged as 'unproven:"),
        (
            {"redirect_uri": "https://evil.example/callback"},
            "client presc_man_123: redirect_uri differs in its scheme and netloc: scheme: sent 'https', registered 'http'",
        ),
        (
            {"redirect_uri": REDIRECT_URI + "/"},
            "client presc_man_123: redirect_uri differs in its path: sent '/callback/', registered '/callback'",
        ),
        ({"redirect_uri": REDIRECT_URI + "#x"}, "has a fragment"),
        ({"redirect_uri": "javascript:alert(1)"}, "has a scheme that no app can have"),
    ],
)
def test_before_the_target_is_verified_a_refusal_is_a_page(
    alices: Browser, guide: Guide, reasons: Reasons, changes: dict[str, str], reason: str
) -> None:
    """Users get a sentence and a reference; the operator finds the exact reason under the same reference."""
    response = alices.get("/authorise/", guide.request(**changes))
    page = Page(response)
    [line] = reasons()
    [reference] = REFERENCE.findall(page.text)
    assert (response.status_code, "Location" in response) == (400, False)
    assert ("We do not know this app" in page.text) == ("client_id" in changes)
    assert ("This app cannot be connected" in page.text) == ("redirect_uri" in changes)
    assert f"reference={reference}" in line
    assert "error=invalid_request" in line
    assert reason in line
    assert "evil.example" not in page.text + str(page.links)
    assert "For the developer" not in page.text


def test_a_deactivated_client_is_refused_on_a_page(alices: Browser, guide: Guide, reasons: Reasons) -> None:
    """The operator switched the client off, so no browser is sent there any more, not even with an error."""
    Client.objects.update(is_active=False)
    response = alices.get("/authorise/", guide.request())
    assert (response.status_code, "Location" in response) == (400, False)
    assert "We do not know this app" in Page(response).text
    assert "client presc_man_123 was deactivated" in reasons()[-1]


def test_two_registered_targets_and_none_named_is_a_page(alices: Browser, guide: Guide, reasons: Reasons) -> None:
    """The server does not guess which one is meant."""
    Client.objects.update(redirect_uris=f"{REDIRECT_URI}\nhttps://rx.example/callback")
    response = alices.get("/authorise/", guide.request(redirect_uri=""))
    assert (response.status_code, "does not say where the app wants you to return" in Page(response).text) == (
        400,
        True,
    )
    assert "has 2 redirect URIs, so the request must name one" in reasons()[-1]


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_a_repeated_name_of_the_target_is_a_page(alices: Browser, guide: Guide, name: str) -> None:
    """If two values differ, a proxy may have checked one and the server would use the other."""
    query = urlencode([*guide.request().items(), (name, guide.request()[name])])
    response = alices.get("/authorise/", QUERY_STRING=query)
    assert (response.status_code, "Location" in response) == (400, False)
    assert "This request cannot be answered" in Page(response).text


def test_with_debug_the_reason_is_on_the_page(alices: Browser, guide: Guide, settings: Settings) -> None:
    """Developers see at once which part differs."""
    settings.DEBUG = True
    text = Page(alices.get("/authorise/", guide.request(redirect_uri=REDIRECT_URI + "/"))).text
    assert (
        "invalid_request: client presc_man_123: redirect_uri differs in its path"
        in text.partition("For the developer")[2]
    )


COMPARED = (
    "redirect_uri that was sent http://127.0.0.1:5000 /called-back ?session=hush "
    "Registered redirect URIs http://127.0.0.1:5000 /callback Differs first in the path. "
    "https ://rx.example/callback Differs first in the scheme."
)


@pytest.mark.parametrize("who", ["nobody", "alice", "staff", "developer"])
def test_developers_see_both_uris_whole_and_the_difference_marked(
    alices: Browser, alice: User, guide: Guide, settings: Settings, who: str
) -> None:
    """Staff, and everybody while DEBUG is on; never strangers in production."""
    Client.objects.update(redirect_uris=f"https://rx.example/callback\n{REDIRECT_URI}")
    settings.DEBUG = who == "developer"
    User.objects.update(is_staff=who == "staff")
    browser = Browser() if who in ("nobody", "developer") else alices
    response = browser.get("/authorise/", guide.request(redirect_uri="http://127.0.0.1:5000/called-back?session=hush"))
    page, is_shown = Page(response), who in ("staff", "developer")
    html = re.sub("</?mark>", "", response.content.decode())
    assert (response.status_code, COMPARED in page.text) == (400, is_shown), page.text
    assert ["called-back?session=hush" in html, "https://rx.example/callback" in html] == [is_shown] * 2
    assert ("redirect_uri differs in its path" in page.text) == (who == "developer")
    marked = re.findall(r"<mark>(.*?)</mark>", response.content.decode())
    assert marked == (["/called-back", "/callback", "https"] if is_shown else [])


def test_developers_see_what_is_registered_if_nothing_was_sent(
    alices: Browser, guide: Guide, settings: Settings
) -> None:
    """There is nothing to compare then."""
    settings.DEBUG = True
    Client.objects.update(redirect_uris=f"https://rx.example/callback\n{REDIRECT_URI}")
    text = Page(alices.get("/authorise/", guide.request(redirect_uri=""))).text
    assert f"that was sent None. Registered redirect URIs https://rx.example/callback {REDIRECT_URI} " in text


@pytest.mark.parametrize(
    ("changes", "back"),
    [
        (
            {"client_uri": "https://rx.example/start"},
            {"Prescription Manager ( rx.example )": "https://rx.example/start"},
        ),
        ({"client_uri": "https://rx.example/start", "is_checked": False}, {}),
        (
            {"redirect_uris": "https://rx.example/callback"},
            {"Prescription Manager ( rx.example )": "https://rx.example/"},
        ),
        ({"redirect_uris": "https://rx.example/a\nhttps://rx.example:8443/b"}, {}),
        ({"redirect_uris": REDIRECT_URI}, {}),
        ({"redirect_uris": "https://rx.example/callback\ncom.example.rx:/callback"}, {}),
    ],
    ids=["website", "nobody checked it", "one origin", "two origins", "on this machine", "an app on the device"],
)
def test_a_wrong_redirect_offers_a_verified_way_back(
    alices: Browser, guide: Guide, changes: dict[str, object], back: dict[str, str]
) -> None:
    """To the app's own website, never to what the link says; an app that nobody checked is neither named nor linked."""
    Client.objects.update(**{"client_uri": "", **changes})
    page = Page(alices.get("/authorise/", guide.request(redirect_uri="https://evil.example/callback")))
    assert {
        words.removeprefix("Back to "): url for words, url in page.links.items() if words.startswith("Back")
    } == back
    assert ("in the name of Prescription Manager" in page.text) == (changes.get("is_checked") is not False)
    assert "evil.example" not in page.text + str(page.links)


def test_an_unknown_client_gets_no_way_back(alices: Browser, guide: Guide) -> None:
    """The server does not know where the app's website is."""
    page = Page(alices.get("/authorise/", guide.request(client_id="nobody")))
    assert [words for words in page.links if words.startswith("Back")] == []


@pytest.mark.parametrize(
    ("contact", "words", "href"),
    [
        ("mailto:help@example.com", "help@example.com", "mailto:help@example.com"),
        ("https://example.com/help", "Help example.com (opens in a new tab)", "https://example.com/help"),
        ("", "", ""),
    ],
)
def test_the_operators_address_is_on_every_page(
    alices: Browser, guide: Guide, settings: Settings, contact: str, words: str, href: str
) -> None:
    """The consent page, an error page and the connected apps; an error page asks for the reference beside it."""
    settings.OAUTH_SERVICE_SUPPORT_CONTACT = contact
    consent = asked(alices, guide)
    refusal = Page(alices.get("/authorise/", guide.request(client_id="nobody")))
    apps = Page(alices.get("/manage-apps/"))
    for page in (consent, refusal, apps):
        assert page.links.get(words, "") == href
        assert ("Questions?" in page.text) == bool(contact)
    asks = f"get help here and tell them this reference: {words}" if contact else "tell support this reference:"
    assert asks in refusal.text


# -- rights of an app, in words --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actions", "heading", "said"),
    [
        ((), "to see part of your account?", f"will be able to see: {USER} {PROFILE} "),
        (
            ("profile",),
            "to see part of your account and to act in it?",
            f"will be able to see: {USER} Prescription Manager will be able to: {PROFILE} ",
        ),
        (("user", "profile"), "to act in your account?", f"will be able to: {USER} {PROFILE} "),
    ],
)
def test_the_verb_is_that_of_the_scope(
    alices: Browser, guide: Guide, settings: Settings, actions: tuple[str, ...], heading: str, said: str
) -> None:
    """OAUTH_SERVICE_ACTION_SCOPES: an app that orders something does not “see” it."""
    settings.OAUTH_SERVICE_ACTION_SCOPES = actions
    page = asked(alices, guide)
    assert f"Allow Prescription Manager {heading}" in page.text
    assert f"Prescription Manager {said}" in page.text, page.text
    assert scopes_on(page) == [USER, PROFILE]


def test_a_query_is_never_quoted_in_a_reason(
    alices: Browser, guide: Guide, settings: Settings, reasons: Reasons
) -> None:
    """The query may carry private data. Only the comparison for developers shows the URI that their browser sent."""
    settings.DEBUG = True
    text = Page(alices.get("/authorise/", guide.request(redirect_uri=REDIRECT_URI + "?session=hush"))).text
    assert "hush" not in text.partition("invalid_request")[2] + "".join(reasons())


def test_who_is_not_signed_in_sees_the_refusal_without_signing_in(browser: Browser, guide: Guide) -> None:
    """Users should not type a password for a request that cannot succeed."""
    assert browser.get("/authorise/", guide.request(redirect_uri="https://evil.example/")).status_code == 400


# -- refused at the client -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "user admin"}, "invalid_scope"),
        ({"scope": 'user "'}, "invalid_scope"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "invalid_request"),
        ({"response_mode": "web_message"}, "invalid_request"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"request_uri": "https://rx.example/request"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
    ],
)
def test_after_the_target_is_verified_the_client_is_told(
    alices: Browser, guide: Guide, reasons: Reasons, changes: dict[str, str], error: str
) -> None:
    """The client can act on an error, and the user cannot. The user is signed in first (RFC 9700 section 4.11.2)."""
    location = alices.get("/authorise/", guide.request(**changes))["Location"]
    answer = query_of(location)
    assert location.startswith(REDIRECT_URI + "?")
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "xyzABC123", "http://localhost:8000")
    assert f"error={error} endpoint=/authorise/ reference=" in reasons()[-1]


@pytest.mark.parametrize("mode", ["query", "web_message"])
def test_how_the_answer_is_to_travel_goes_through_the_login(browser: Browser, guide: Guide, mode: str) -> None:
    """
    A response_mode must be obeyed or refused, not lost: the client would look for the response in the wrong place.
    """
    login = browser.get("/authorise/", guide.request(response_mode=mode))["Location"]
    assert query_of(query_of(login)["next"])["response_mode"] == mode


def test_how_the_answer_is_to_travel_stays_with_the_consent_page(alices: Browser, guide: Guide) -> None:
    """The request is parsed again together with the user's answer."""
    assert asked(alices, guide, response_mode="query").form_of("Allow").fields["response_mode"] == "query"
    refused = guide.answer(response_mode="web_message")
    assert query_of(refused["Location"])["error"] == "invalid_request"


def test_a_client_without_the_grant_type_is_told(alices: Browser, guide: Guide) -> None:
    """The client could not exchange the code."""
    Client.objects.update(grant_types="refresh_token")
    assert query_of(alices.get("/authorise/", guide.request())["Location"])["error"] == "unauthorized_client"


def test_a_client_with_nothing_to_ask_for_is_told(alices: Browser, guide: Guide) -> None:
    """A consent page without any scope makes no sense."""
    Client.objects.update(scope="")
    assert query_of(alices.get("/authorise/", guide.request(scope=""))["Location"])["error"] == "invalid_scope"


def test_an_answer_goes_to_a_native_app_by_its_own_scheme(alices: Browser, alice: User, public_app: Client) -> None:
    """Django redirects only to http, https and ftp by default; here the registered URIs decide."""
    request = {"redirect_uri": "com.example.pills:/callback", "code_challenge": CHALLENGE}
    page = asked(alices, Guide(alice, public_app), code_challenge_method="S256", **request)
    assert page.press(alices, "Allow")["Location"].startswith("com.example.pills:/callback?code=SPL__")


# -- arbitrary input -------------------------------------------------------------------------------------------------

HOSTILE = [
    "https://evil.example/",
    "//evil.example",
    "http://127.0.0.1:5000@evil.example/callback",
    "http://127.0.0.1:5000/callback/../../evil",
    "http://127.0.0.1:5000/callback\r\nLocation: https://evil.example/",
    "http://127.0.0.1:5000\\@evil.example/callback",
    "HTTP://127.0.0.1:5000/callback",
    "http://[::1",
    "javascript:alert(1)",
    "\0",
]
VALUES = st.one_of(
    st.sampled_from(
        ["code", "token", "presc_man_123", "public_app", REDIRECT_URI, "user profile", "S256", "plain", CHALLENGE, ""]
    ),
    st.sampled_from(HOSTILE),
    st.text(max_size=40),
)
NAMES = st.sampled_from(
    ["response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method", "deny"]
) | st.text(max_size=8)
REGISTERED = (REDIRECT_URI + "?", "http://127.0.0.1/callback?", "com.example.pills:/callback?", "/login/?next=")


def goes_only_where_registered(response: Any) -> None:
    """Check the invariant of the endpoint: it redirects to registered addresses only."""
    assert response.status_code in (200, 302, 400, 413), response.content
    assert ("Location" in response) == (response.status_code == 302)
    if response.status_code == 302:
        target = response["Location"]
        assert target.startswith(REGISTERED) or re.match(r"http://127\.0\.0\.1:\d+/callback\?", target), target


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("is_signed_in", [True, False], ids=["signed in", "not signed in"])
@hypothesis_settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.dictionaries(NAMES, VALUES, max_size=4),
    dropped=st.sets(NAMES, max_size=2),
    repeated=st.lists(st.tuples(NAMES, VALUES), max_size=2),
)
def test_no_request_leads_to_an_unregistered_target(
    guide: Guide,
    public_app: Client,
    method: str,
    is_signed_in: bool,
    changes: dict[str, str],
    dropped: set[str],
    repeated: list[tuple[str, str]],
) -> None:
    """Any request gets a page, a refusal on a page, or a redirect to a registered URI; never a 5xx."""
    browser = Browser()
    if is_signed_in:
        browser.force_login(guide.alice)
    pairs = [*(guide.request() | changes).items(), *repeated]
    sent = urlencode([(name, value) for name, value in pairs if name not in dropped])
    if method == "get":
        goes_only_where_registered(browser.get("/authorise/", QUERY_STRING=sent))
    else:
        goes_only_where_registered(browser.post("/authorise/", sent, content_type=FORM))


@hypothesis_settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(octets=st.binary(max_size=80), prefix=st.booleans())
def test_no_octets_break_it(guide: Guide, octets: bytes, prefix: bool) -> None:
    """Random bytes in the URL or the body must not cause a failure, even after a valid beginning."""
    good = urlencode(guide.request()).encode() + b"&" if prefix else b""
    guide.browser.force_login(guide.alice)
    in_url = guide.browser.get("/authorise/", QUERY_STRING=(good + octets).decode("latin-1"))
    in_body = guide.browser.post("/authorise/", good + octets, content_type=FORM)
    goes_only_where_registered(in_url)
    goes_only_where_registered(in_body)
