"""/authorise/: sign in, be asked, answer; and nobody is ever sent where the client has not registered."""

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
    """The page that step 1 leads to."""
    return Page(browser.get("/authorise/", guide.request(**changes)))


def scopes_on(page: Page) -> list[str]:
    """What the page says the app will see; the facts below the list are no scopes."""
    return [item for item in page.items if item.startswith(("Your ", "calendar"))]


# -- signing in ------------------------------------------------------------------------------------------------------


def test_who_is_not_signed_in_signs_in_and_is_asked_then(browser: Browser, guide: Guide) -> None:
    """The same request goes on: the whole of it, so that Alice can allow it and the client gets its state back."""
    landed = browser.get("/authorise/", guide.request(), follow=True)
    landed = Page(landed).press(browser, "Sign in", username="alice", password="wonderland")
    page = Page(browser.get(landed["Location"]))
    answer = query_of(page.press(browser, "Allow")["Location"])
    assert (answer["state"], guide.exchange(answer["code"]).status_code) == ("xyzABC123", 200)


def test_a_request_sent_by_post_goes_on_after_signing_in_too(browser: Browser, guide: Guide) -> None:
    """OpenID Connect Core section 3.1.2.1; after the login it can only be a GET."""
    request = guide.request(code_challenge=CHALLENGE, code_challenge_method="S256", nonsense="1")
    sent = browser.post("/authorise/", urlencode(request), content_type=FORM)
    onward = query_of(query_of(sent["Location"])["next"])
    assert onward == {name: value for name, value in request.items() if name != "nonsense"}


def test_an_answer_after_the_session_ended_leads_to_the_login_and_asks_again(
    alices: Browser, guide: Guide, alice: User
) -> None:
    """Nothing is allowed in nobody's name, and the request is not lost."""
    page = asked(alices, guide)
    alices.cookies.pop("sessionid")
    answered = page.press(alices, "Allow")
    alices.force_login(alice)
    again = Page(alices.get(query_of(answered["Location"])["next"]))
    assert (answered["Location"].partition("?")[0], again.buttons[-2:]) == ("/login/", ["Allow", "Deny"])
    assert Consent.objects.count() == 0


def test_who_was_deactivated_has_to_sign_in(alices: Browser, guide: Guide) -> None:
    """An open page is no way around it."""
    page = asked(alices, guide)
    User.objects.update(is_active=False)
    assert page.press(alices, "Allow")["Location"].startswith("/login/?next=")
    assert Consent.objects.count() == 0


# -- what the page says ----------------------------------------------------------------------------------------------


def test_the_page_says_who_asks_for_what_and_where_the_browser_goes(alices: Browser, guide: Guide) -> None:
    """All that Alice needs for her decision, in words."""
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
    """The same button twice, but for its word; nothing is preselected."""
    html = alices.get("/authorise/", guide.request()).content.decode()
    [allow, deny] = re.findall(r'<button type="submit"\s+(class="button[^"]*")', html)
    assert allow == deny
    assert "autofocus" not in html


def test_only_what_is_asked_for_is_shown(alices: Browser, guide: Guide) -> None:
    """Not all that the client could ask for."""
    assert scopes_on(asked(alices, guide, scope="profile")) == [PROFILE]


def test_a_client_that_names_no_scope_asks_for_all_it_may_have(alices: Browser, guide: Guide) -> None:
    """And that is what stands there."""
    assert scopes_on(asked(alices, guide, scope="")) == [USER, PROFILE]


def test_a_scope_without_words_is_shown_by_its_name(alices: Browser, guide: Guide) -> None:
    """An operator who forgot to describe it must not make it invisible."""
    Client.objects.update(scope="user calendar")
    assert scopes_on(asked(alices, guide, scope="calendar user")) == ["calendar", USER]


def test_words_of_the_host_project_are_taken(alices: Browser, guide: Guide, settings: Settings) -> None:
    """OAUTH_SERVICE_SCOPES."""
    settings.OAUTH_SERVICE_SCOPES = {"user": "Your hat size", "profile": "Your tea parties"}
    assert scopes_on(asked(alices, guide)) == ["Your hat size", "Your tea parties"]


def test_nothing_is_marked_as_new_the_first_time(alices: Browser, guide: Guide) -> None:
    """All of it is."""
    page = asked(alices, guide)
    assert "You have connected this app before" not in page.text
    assert [item for item in page.items if item.endswith(" New")] == []


def test_what_was_allowed_before_has_room_beside_the_new(alices: Browser, guide: Guide) -> None:
    """However often an operator gives a client another scope: what a user allows adds up."""
    for letter in "ab":
        scope = " ".join(f"{letter}{number:03}{'x' * 40}" for number in range(20))
        Client.objects.update(scope=scope)
        answered = asked(alices, guide, scope="").press(alices, "Allow")
        assert "code" in query_of(answered["Location"])
    assert len(Consent.objects.get().scope.split()) == 40


def test_what_is_new_since_last_time_is_marked(alices: Browser, guide: Guide) -> None:
    """A person who has read it once need not compare."""
    asked(alices, guide, scope="user").press(alices, "Allow")
    page = asked(alices, guide)
    assert scopes_on(page) == [USER, f"{PROFILE} New"]
    assert "You have connected this app before. Anything new is marked." in page.text


def test_it_says_so_when_nobody_stated_who_runs_the_app(alices: Browser, guide: Guide) -> None:
    """A gap is a fact for the decision too."""
    Client.objects.update(operator="")
    assert "Who runs it is not stated" in asked(alices, guide).text


def test_the_apps_own_pages_are_linked(alices: Browser, guide: Guide) -> None:
    """In another tab, so that the question stays."""
    Client.objects.update(
        client_uri="https://rx.example/", policy_uri="https://rx.example/privacy", tos_uri="https://rx.example/terms"
    )
    links = asked(alices, guide).links
    assert {words: href for words, href in links.items() if href.startswith("https:")} == {
        "Website (opens in a new tab)": "https://rx.example/",
        "Privacy policy (opens in a new tab)": "https://rx.example/privacy",
        "Terms (opens in a new tab)": "https://rx.example/terms",
    }


def test_an_app_on_the_device_is_named_by_its_scheme(alices: Browser, alice: User, public_app: Client) -> None:
    """It has no host; its scheme is all that the system goes by."""
    request = {"redirect_uri": "com.example.pills:/callback", "code_challenge": CHALLENGE}
    page = asked(alices, Guide(alice, public_app), code_challenge_method="S256", **request)
    assert "your browser goes next to com.example.pills (an app on this device)" in page.text


def test_a_name_cannot_bring_markup_onto_the_page(alices: Browser, guide: Guide) -> None:
    """Names come from whoever registers an app."""
    Client.objects.update(name="<b>Rx</b>", operator='"><form action=//evil.example>')
    page = asked(alices, guide)
    assert "Allow <b>Rx</b> to see part of your account?" in page.text
    assert 'Run by "><form action=//evil.example>' in page.text


@pytest.mark.parametrize(
    "redirect_uri",
    ["http://127.0.0.1:5000/callback", "https://rx.example/callback?tenant=1", "com.example.pills:/callback"],
)
def test_the_form_may_lead_on_from_the_client(alices: Browser, guide: Guide, redirect_uri: str) -> None:
    """Browsers hold form-action against every redirect, and only the client knows where its callback sends them."""
    Client.objects.update(redirect_uris=redirect_uri)
    headers = alices.get("/authorise/", guide.request(redirect_uri=redirect_uri)).headers
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert (headers["X-Frame-Options"], headers["Referrer-Policy"]) == ("DENY", "same-origin")
    assert headers["Cache-Control"] == "private, no-store"


# -- the answer ------------------------------------------------------------------------------------------------------


def test_allow_sends_a_code_for_what_was_shown(alices: Browser, guide: Guide) -> None:
    """And the consent is remembered as shown."""
    location = asked(alices, guide, scope="profile").press(alices, "Allow")["Location"]
    answer = query_of(location)
    assert location.startswith(REDIRECT_URI + "?")
    assert sorted(answer) == ["code", "iss", "state"]
    assert guide.exchange(answer["code"]).json()["scope"] == "profile"
    assert Consent.objects.get().scope == "profile"


def test_deny_tells_the_client_and_leaves_nothing(alices: Browser, guide: Guide, reasons: Reasons) -> None:
    """Denying is an answer, not an error of the person's."""
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
    """The database refuses the consent at the COMMIT; that is an answer to the client, not a failure of ours."""
    page = asked(alices, guide)
    make = issue.code

    def removed_meanwhile(*args: Any, **kwargs: Any) -> str:
        Client.objects.all()._raw_delete(ALIAS)
        return make(*args, **kwargs)

    monkeypatch.setattr(issue, "code", removed_meanwhile)
    answer = query_of(page.press(alices, "Allow")["Location"])
    assert (answer["error"], Consent.objects.count(), AuthorizationCode.objects.count()) == ("access_denied", 0, 0)


def test_denying_more_takes_nothing_back(alices: Browser, guide: Guide) -> None:
    """What was allowed before stays: taking it back is another button, on another page."""
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
    """An attacker has one too: their own."""
    theirs = Browser(enforce_csrf_checks=True)
    theirs.force_login(alice)
    stolen = asked(theirs, guide)
    asked(alices, guide)
    assert (stolen.press(alices, "Allow").status_code, Consent.objects.count()) == (403, 0)


def test_an_answer_without_csrf_is_not_even_a_denial(alices: Browser, guide: Guide) -> None:
    """A stranger's page must not be able to disturb either."""
    denial = guide.request(response_type="", deny="1")
    assert alices.post("/authorise/", urlencode(denial), content_type=FORM).status_code == 403


def test_a_request_by_post_is_asked_about_as_one_by_get(alices: Browser, guide: Guide) -> None:
    """With response_type it is a request, from anywhere, and needs no CSRF token; only the answer to it does."""
    page = Page(alices.post("/authorise/", urlencode(guide.request()), content_type=FORM))
    assert scopes_on(page) == [USER, PROFILE]
    assert query_of(page.press(alices, "Allow")["Location"])["state"] == "xyzABC123"


def test_a_request_by_post_never_answers_itself(alices: Browser, guide: Guide) -> None:
    """With a response_type no button of ours was pressed, whatever else the form says."""
    form = guide.request(allow="1", csrfmiddlewaretoken="guessed")
    assert alices.post("/authorise/", urlencode(form), content_type=FORM).status_code == 200
    assert Consent.objects.count() == 0


def test_the_unslashed_address_answers_and_its_form_leads_back_to_it(alices: Browser, guide: Guide) -> None:
    """Without a redirect between, which would lose a POST's body."""
    page = Page(alices.get("/authorise", guide.request()))
    assert page.form_of("Allow").action == "/authorise"
    assert page.press(alices, "Allow")["Location"].startswith(REDIRECT_URI + "?code=")


def test_not_me_leads_to_the_login_and_back_to_the_question(alices: Browser, guide: Guide) -> None:
    """Two people share a computer: the request waits for the other one."""
    User.objects.create_user("dinah", password="mousehole")
    out = asked(alices, guide).press(alices, "Not you? Sign out")
    login = Page(alices.get(out["Location"], follow=True))
    back = login.press(alices, "Sign in", username="dinah", password="mousehole")
    assert "Signed in as dinah" in Page(alices.get(back["Location"])).text


# -- tabs ------------------------------------------------------------------------------------------------------------


def test_two_tabs_never_collide(alices: Browser, guide: Guide) -> None:
    """Nothing waits in the session: each page carries its own request, whichever is answered first."""
    first = asked(alices, guide, state="first", scope="user")
    second = asked(alices, guide, state="second", scope="profile")
    answers = [query_of(tab.press(alices, "Allow")["Location"]) for tab in (second, first)]
    scopes = [guide.exchange(answer["code"]).json()["scope"] for answer in answers]
    assert [answer["state"] for answer in answers] == ["second", "first"]
    assert scopes == ["profile", "user"]
    assert Consent.objects.get().scope == "profile user"


def test_two_tabs_may_be_answered_differently(alices: Browser, guide: Guide) -> None:
    """Deny in one is no answer to the other."""
    first, second = asked(alices, guide, state="first"), asked(alices, guide, state="second")
    assert query_of(second.press(alices, "Deny")["Location"])["state"] == "second"
    assert "code" in query_of(first.press(alices, "Allow")["Location"])


def test_the_same_page_may_be_sent_twice(alices: Browser, guide: Guide) -> None:
    """A double click: two codes, one consent, no error page over the first answer."""
    page = asked(alices, guide)
    codes = {query_of(page.press(alices, "Allow")["Location"])["code"] for _ in range(2)}
    assert (len(codes), Consent.objects.count()) == (2, 1)


# -- what changes while the page is open -----------------------------------------------------------------------------


def test_what_is_issued_is_never_more_than_what_was_shown(alices: Browser, guide: Guide) -> None:
    """The request names no scope, the page shows what the client may have now; then the operator gives it more."""
    Client.objects.update(scope="user")
    page = asked(alices, guide, scope="")
    Client.objects.update(scope="user profile")
    code = query_of(page.press(alices, "Allow")["Location"])["code"]
    assert guide.exchange(code).json()["scope"] == "user"
    assert Consent.objects.get().scope == "user"


def test_what_is_issued_is_never_more_than_the_client_may_have(alices: Browser, guide: Guide) -> None:
    """The operator took something back while the page was open: the client is told, and may ask again."""
    page = asked(alices, guide)
    Client.objects.update(scope="user")
    assert query_of(page.press(alices, "Allow")["Location"])["error"] == "invalid_scope"
    assert Consent.objects.count() == 0


def test_the_answer_goes_nowhere_when_its_target_was_withdrawn(alices: Browser, guide: Guide) -> None:
    """The whole request is held against the client again with the answer."""
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
    """They come back through the browser, as anything could."""
    response = asked(alices, guide).press(alices, "Allow", **tampered)
    assert (response.status_code, "Location" in response, Consent.objects.count()) == (400, False, 0)


# -- what is remembered ----------------------------------------------------------------------------------------------


def test_who_has_allowed_it_before_is_not_asked_again(alices: Browser, guide: Guide) -> None:
    """Nor for less."""
    asked(alices, guide).press(alices, "Allow")
    answers = [
        query_of(alices.get("/authorise/", guide.request(scope=s))["Location"]) for s in ("user profile", "user")
    ]
    assert [guide.exchange(answer["code"]).json()["scope"] for answer in answers] == ["user profile", "user"]


def test_another_person_is_asked(alices: Browser, guide: Guide) -> None:
    """A consent is one person's."""
    asked(alices, guide).press(alices, "Allow")
    alices.force_login(User.objects.create_user("dinah"))
    assert "Allow" in asked(alices, guide).buttons


def test_a_client_that_shall_not_be_remembered_asks_every_time(alices: Browser, guide: Guide) -> None:
    """Its own setting."""
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
    """As the first time: nothing is said to be known already."""
    guide.answer()
    guide.deauthorise()
    assert "You have connected this app before" not in Page(guide.ask()).text


# -- refused on a page -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"client_id": ""}, "client_id is missing"),
        ({"client_id": "nobody"}, "no client 'unproven:"),
        ({"client_id": "n" * 200}, "no client 'unproven:"),
        (
            {"redirect_uri": "https://evil.example/callback"},
            "client presc_man_123: redirect_uri differs in its scheme and netloc: scheme: sent 'https', registered 'http'",
        ),
        (
            {"redirect_uri": REDIRECT_URI + "/"},
            "client presc_man_123: redirect_uri differs in its path: path: sent '/callback/', registered '/callback'",
        ),
        ({"redirect_uri": REDIRECT_URI + "#x"}, "has a fragment"),
        ({"redirect_uri": "javascript:alert(1)"}, "has a scheme that no app can have"),
    ],
)
def test_before_the_target_is_verified_a_refusal_is_a_page(
    alices: Browser, guide: Guide, reasons: Reasons, changes: dict[str, str], reason: str
) -> None:
    """A sentence and a reference for the person; the exact reason for the operator, under that reference."""
    response = alices.get("/authorise/", guide.request(**changes))
    page = Page(response)
    [line] = reasons()
    [reference] = REFERENCE.findall(page.text)
    assert (response.status_code, "Location" in response) == (400, False)
    assert "This app cannot be connected" in page.text
    assert f"reference={reference}" in line
    assert "error=invalid_request" in line
    assert reason in line
    assert "evil.example" not in page.text + str(page.links)
    assert "For the developer" not in page.text


def test_a_deactivated_client_is_refused_on_a_page(alices: Browser, guide: Guide, reasons: Reasons) -> None:
    """The operator switched it off: nobody is sent there any more, not even with an error."""
    Client.objects.update(is_active=False)
    response = alices.get("/authorise/", guide.request())
    assert (response.status_code, "Location" in response) == (400, False)
    assert "client presc_man_123 was deactivated" in reasons()[-1]


def test_two_registered_targets_and_none_named_is_a_page(alices: Browser, guide: Guide, reasons: Reasons) -> None:
    """Nobody guesses which one."""
    Client.objects.update(redirect_uris=f"{REDIRECT_URI}\nhttps://rx.example/callback")
    assert alices.get("/authorise/", guide.request(redirect_uri="")).status_code == 400
    assert "has 2 redirect URIs, so the request must name one" in reasons()[-1]


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_a_repeated_name_of_the_target_is_a_page(alices: Browser, guide: Guide, name: str) -> None:
    """Of two that differ, a proxy may have checked the one and we the other."""
    query = urlencode([*guide.request().items(), (name, guide.request()[name])])
    response = alices.get("/authorise/", QUERY_STRING=query)
    assert (response.status_code, "Location" in response) == (400, False)
    assert "This request cannot be answered" in Page(response).text


def test_with_debug_the_reason_is_on_the_page(alices: Browser, guide: Guide, settings: Settings) -> None:
    """A developer sees at once what is different."""
    settings.DEBUG = True
    text = Page(alices.get("/authorise/", guide.request(redirect_uri=REDIRECT_URI + "/"))).text
    assert "For the developer invalid_request: client presc_man_123: redirect_uri differs in its path" in text


def test_a_query_is_never_quoted_in_a_reason(
    alices: Browser, guide: Guide, settings: Settings, reasons: Reasons
) -> None:
    """It may carry what is nobody's business."""
    settings.DEBUG = True
    response = alices.get("/authorise/", guide.request(redirect_uri=REDIRECT_URI + "?session=hush"))
    assert "hush" not in Page(response).text + "".join(reasons())


def test_who_is_not_signed_in_sees_the_refusal_without_signing_in(browser: Browser, guide: Guide) -> None:
    """Nobody types a password for a request that cannot be answered."""
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
    """It can do something about it, the person cannot; who they are is known first (RFC 9700 section 4.11.2)."""
    location = alices.get("/authorise/", guide.request(**changes))["Location"]
    answer = query_of(location)
    assert location.startswith(REDIRECT_URI + "?")
    assert (answer["error"], answer["state"], answer["iss"]) == (error, "xyzABC123", "http://localhost:8000")
    assert f"error={error} endpoint=/authorise/ reference=" in reasons()[-1]


@pytest.mark.parametrize("mode", ["query", "web_message"])
def test_how_the_answer_is_to_travel_goes_through_the_login(browser: Browser, guide: Guide, mode: str) -> None:
    """It is obeyed or refused, never forgotten on the way: the client would look for its answer where none is."""
    login = browser.get("/authorise/", guide.request(response_mode=mode))["Location"]
    assert query_of(query_of(login)["next"])["response_mode"] == mode


def test_how_the_answer_is_to_travel_stays_with_the_consent_page(alices: Browser, guide: Guide) -> None:
    """The request is read again with the person's answer."""
    assert asked(alices, guide, response_mode="query").form_of("Allow").fields["response_mode"] == "query"
    refused = guide.answer(response_mode="web_message")
    assert query_of(refused["Location"])["error"] == "invalid_request"


def test_a_client_without_the_grant_type_is_told(alices: Browser, guide: Guide) -> None:
    """It could not exchange the code."""
    Client.objects.update(grant_types="refresh_token")
    assert query_of(alices.get("/authorise/", guide.request())["Location"])["error"] == "unauthorized_client"


def test_a_client_with_nothing_to_ask_for_is_told(alices: Browser, guide: Guide) -> None:
    """No page without a question."""
    Client.objects.update(scope="")
    assert query_of(alices.get("/authorise/", guide.request(scope=""))["Location"])["error"] == "invalid_scope"


def test_an_answer_goes_to_a_native_app_by_its_own_scheme(alices: Browser, alice: User, public_app: Client) -> None:
    """Django redirects to http, https and ftp by itself; here what is registered counts."""
    request = {"redirect_uri": "com.example.pills:/callback", "code_challenge": CHALLENGE}
    page = asked(alices, Guide(alice, public_app), code_challenge_method="S256", **request)
    assert page.press(alices, "Allow")["Location"].startswith("com.example.pills:/callback?code=SPL__")


# -- whatever is sent ------------------------------------------------------------------------------------------------

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
    """The invariant of the endpoint."""
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
    """However it is put together: answered, refused on a page, or sent to what was registered; never a 5xx."""
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
    """Neither in the URL nor in the body; a good beginning does not help them."""
    good = urlencode(guide.request()).encode() + b"&" if prefix else b""
    guide.browser.force_login(guide.alice)
    in_url = guide.browser.get("/authorise/", QUERY_STRING=(good + octets).decode("latin-1"))
    in_body = guide.browser.post("/authorise/", good + octets, content_type=FORM)
    goes_only_where_registered(in_url)
    goes_only_where_registered(in_body)
