"""The boxes of the consent page: unticked scopes are not granted, and nothing is granted that was not shown."""

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from pytest_django import Settings

from oauth_service.models import AuthorizationCode, Client, Consent, Resource
from tests.clauses import clause
from tests.endpoints.page import Page
from tests.guide import FORM, REDIRECT_URI, Guide, query_of
from tests.openid.conftest import RelyingParty, provider, rp

__all__ = ["provider", "rp"]

BOTH = {"user": True, "profile": True}
NOTHING = "Nothing is ticked, so there is nothing to allow."
WORDS = {"notes": "Change your notes", "notes:read": "Read your notes", "profile": "Your name"}


@pytest.fixture
def stranger(guide: Guide) -> Guide:
    """The guide's app, as one that the operator does not vouch for."""
    Client.objects.update(is_checked=False)
    return guide


def asked(browser: Browser, guide: Guide, **changes: str) -> Page:
    """Return the consent page."""
    response = browser.get("/authorise/", guide.request(**changes))
    assert response.status_code == 200
    return Page(response)


def granted(guide: Guide, answered: Any) -> dict[str, Any]:
    """Return the token response for the allowed scope."""
    assert answered.status_code == 302, answered.content.decode()
    response = guide.exchange(query_of(answered["Location"])["code"])
    assert response.status_code == 200
    tokens: dict[str, Any] = response.json()
    return tokens


# -- apps with a choice ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "is_checked", "boxes"),
    [
        ("unchecked", True, {}),
        ("unchecked", False, BOTH),
        ("always", True, BOTH),
        ("never", False, {}),
    ],
)
def test_boxes_are_there_for_whom_the_setting_says(
    alices: Browser, guide: Guide, settings: Settings, when: str, is_checked: bool, boxes: dict[str, bool]
) -> None:
    """Boxes are ticked at first, because the app says that it needs everything that it asks for."""
    settings.OAUTH_SERVICE_CHOOSE_SCOPES = when
    Client.objects.update(is_checked=is_checked)
    page = asked(alices, guide)
    assert page.boxes == boxes
    assert granted(guide, page.press(alices, "Allow"))["scope"] == "user profile"


def test_every_box_has_a_label_and_all_stand_in_one_group(alices: Browser, stranger: Guide) -> None:
    """The group has a legend with the question, which is all that a screen reader has."""
    html = alices.get("/authorise/", stranger.request()).content.decode()
    [group] = re.findall(r"<fieldset.*?</fieldset>", html, re.DOTALL)
    assert re.search(r"<legend>\s*<h2>\s*<bdi>Prescription Manager</bdi> will be able to see:", group)
    boxes, labels = re.findall(r'\sid="(scope-\d+)"', group), re.findall(r'<label for="([^"]+)">', group)
    assert boxes == labels == ["scope-1", "scope-2"]


# -- granted scope ---------------------------------------------------------------------------------------------------


@clause("RFC 6749", "3.3")
def test_what_is_unticked_is_not_given_and_the_app_is_told(alices: Browser, stranger: Guide) -> None:
    """
    "If the issued access token scope is different from the one requested by the client, the authorization server MUST include
    the "scope" response parameter to inform the client of the actual scope granted."
    """
    tokens = granted(stranger, asked(alices, stranger).press(alices, "Allow", untick=["user"]))
    assert tokens["scope"] == "profile"
    told = stranger.userinfo(tokens["access_token"]).json()
    assert ("name" in told, "email" in told) == (True, False)
    assert stranger.refresh(tokens["refresh_token"]).json()["scope"] == "profile"
    assert Consent.objects.get().scope == "profile"


def test_with_nothing_ticked_the_page_asks_again(alices: Browser, stranger: Guide) -> None:
    """The user reads words instead of an error code that never reaches them, and their choice is kept."""
    page = asked(alices, stranger)
    again = page.press(alices, "Allow", untick="*")
    assert (again.status_code, "Location" in again) == (200, False)
    page = Page(again)
    assert NOTHING in page.text
    assert page.boxes == {"user": False, "profile": False}
    assert (Consent.objects.count(), AuthorizationCode.objects.count()) == (0, 0)
    denied = query_of(page.press(alices, "Deny")["Location"])
    assert denied["error"] == "access_denied"


def test_denying_needs_no_tick(alices: Browser, stranger: Guide) -> None:
    """Deny refuses everything, whatever is ticked."""
    answer = query_of(asked(alices, stranger).press(alices, "Deny", untick="*")["Location"])
    assert answer["error"] == "access_denied"


def test_a_crafted_form_gets_nothing_that_was_not_shown(alices: Browser, stranger: Guide) -> None:
    """The form may claim another scope of the app, a scope of the server, or the whole scope in one field."""
    form = asked(alices, stranger, scope="profile").form_of("Allow")
    for ticked in (["user"], ["user", "profile"], ["user profile admin"], ["profile", "profile", "openid"]):
        body = [*form.fields.items(), *(("allow_scope", each) for each in ticked)]
        answered = alices.post(
            "/authorise/", urlencode(body), content_type=FORM, headers={"Origin": "http://testserver"}
        )
        if answered.status_code == 302:
            assert granted(stranger, answered)["scope"] == "profile"
    assert Consent.objects.get().scope == "profile"


def test_a_form_that_has_no_boxes_allows_what_it_shows(alices: Browser, stranger: Guide) -> None:
    """The guide's second message has no boxes, and a project's own template may have none either."""
    assert granted(stranger, stranger.answer())["scope"] == "user profile"


def test_a_tick_is_no_part_of_a_request(alices: Browser, stranger: Guide) -> None:
    """An app can neither answer for the user nor suppress a box."""
    request = [*stranger.request().items(), ("scopes_chosen", "1"), ("allow_scope", "user")]
    response = alices.get("/authorise/", QUERY_STRING=urlencode(request))
    assert Page(response).boxes == BOTH
    twice = alices.get("/authorise/", QUERY_STRING=urlencode([*request, ("allow_scope", "profile")]))
    assert query_of(twice["Location"])["error"] == "invalid_request"


def test_what_is_checked_meanwhile_does_not_overrule_the_person(alices: Browser, stranger: Guide) -> None:
    """The user saw boxes, so scopes that they unticked stay unticked."""
    page = asked(alices, stranger)
    Client.objects.update(is_checked=True)
    assert granted(stranger, page.press(alices, "Allow", untick=["user"]))["scope"] == "profile"


# -- required scopes -------------------------------------------------------------------------------------------------


def test_a_required_scope_has_no_box(alices: Browser, stranger: Guide, settings: Settings) -> None:
    """The page lists it as always needed. It is granted with any choice, and also alone."""
    settings.OAUTH_SERVICE_REQUIRED_SCOPES = ["user"]
    page = asked(alices, stranger)
    assert page.boxes == {"profile": True}
    assert "Your username and e-mail address (always needed)" in page.items
    assert granted(stranger, page.press(alices, "Allow", untick="*"))["scope"] == "user"


def test_a_form_cannot_leave_a_required_scope_out(alices: Browser, stranger: Guide, settings: Settings) -> None:
    """A required scope is part of every Allow."""
    settings.OAUTH_SERVICE_REQUIRED_SCOPES = ["user"]
    answered = stranger.answer(scopes_chosen="1", allow_scope="profile")
    assert granted(stranger, answered)["scope"] == "user profile"


def test_openid_cannot_be_unticked_and_offline_access_can(rp: RelyingParty) -> None:
    """Without openid the response is another one. Without offline_access the connection ends with the sign-in."""
    Client.objects.update(is_checked=False)
    rp.sign_in()
    page = Page(rp.ask(scope="openid email offline_access"))
    assert page.boxes == {"email": True, "offline_access": True}
    response = rp.exchange(query_of(page.press(rp.browser, "Allow", untick="*")["Location"])["code"])
    assert (response.json()["scope"], "id_token" in response.json()) == ("openid", True)


def test_claims_asked_for_one_by_one_go_with_their_scope(rp: RelyingParty) -> None:
    """An unticked scope grants nothing, however the claims were requested."""
    Client.objects.update(is_checked=False)
    rp.sign_in()
    page = Page(rp.ask(scope="openid profile", claims='{"userinfo": {"email": null, "name": null}}'))
    assert page.boxes == {"profile": True, "email": True}
    answered = page.press(rp.browser, "Allow", untick=["email"])
    tokens = rp.exchange(query_of(answered["Location"])["code"]).json()
    told = rp.userinfo(tokens["access_token"]).json()
    assert ("name" in told, "email" in told) == (True, False)
    assert set(Consent.objects.get().scope.split()) == {"openid", "profile"}


# -- again -----------------------------------------------------------------------------------------------------------


def test_a_later_request_shows_all_and_asks_about_what_is_missing(
    alices: Browser, stranger: Guide, settings: Settings
) -> None:
    """Allowed scopes have no box. Scopes that were not allowed are asked about each time that the app requests them."""
    asked(alices, stranger).press(alices, "Allow", untick=["profile"])
    page = asked(alices, stranger)
    assert page.boxes == {"profile": True}
    assert [item for item in page.items if item.startswith("Your ")] == [
        "Your username and e-mail address",
        "Your name and when your profile was last updated New",
    ]
    assert granted(stranger, page.press(alices, "Allow", untick="*"))["scope"] == "user"
    page = asked(alices, stranger)
    assert granted(stranger, page.press(alices, "Allow"))["scope"] == "user profile"
    assert alices.get("/authorise/", stranger.request())["Location"].startswith(REDIRECT_URI)


def test_what_was_allowed_in_another_tab_meanwhile_stays_unticked_here(alices: Browser, stranger: Guide) -> None:
    """The answer on a page counts for the request of that page."""
    first, second = asked(alices, stranger), asked(alices, stranger)
    second.press(alices, "Allow")
    assert granted(stranger, first.press(alices, "Allow", untick=["user"]))["scope"] == "profile"


def test_an_app_that_nothing_proves_is_asked_about_as_if_for_the_first_time(
    alices: Browser, alice: User, public_app: Client
) -> None:
    """RFC 8252 section 8.6: any program on the device may be behind it, so every scope has its box again."""
    Client.objects.update(is_checked=False)
    guide = Guide(alice, public_app)
    challenge = {
        "redirect_uri": "http://127.0.0.1:51004/callback",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
    asked(alices, guide, **challenge).press(alices, "Allow")
    assert asked(alices, guide, **challenge).boxes == BOTH


# -- scopes that imply others, and APIs ------------------------------------------------------------------------------


@pytest.fixture
def notes(stranger: Guide, settings: Settings) -> Guide:
    """An app that asks for notes, and separately for reading them."""
    settings.OAUTH_SERVICE_SCOPES = WORDS
    settings.OAUTH_SERVICE_SCOPE_IMPLIES = {"notes": "notes:read"}
    Client.objects.update(scope="notes notes:read profile")
    return stranger


def test_the_narrow_scope_stays_without_the_broad_one(alices: Browser, notes: Guide) -> None:
    """The narrow scope was requested in its own right. The page says that the broad one includes it."""
    page = asked(alices, notes, scope="notes notes:read")
    assert "Read your notes Also part of: Change your notes" in page.items
    assert granted(notes, page.press(alices, "Allow", untick=["notes"]))["scope"] == "notes:read"
    assert asked(alices, notes, scope="notes notes:read").boxes == {"notes": True}


def test_a_scope_that_stands_at_two_apis_has_one_box(alices: Browser, stranger: Guide) -> None:
    """
    Two resources share one scope: unticked at the first, it is granted at neither. A resource without scope gets no
    token.
    """
    for name in ("orders", "stock"):
        Resource.objects.create(
            identifier=f"https://{name}.example",
            name=name.title(),
            is_for_all=True,
            scopes=f"read See what is there\n{name}:write Write",
        )
    Client.objects.update(scope="user read orders:write stock:write")
    request = stranger.request(scope="user read orders:write stock:write")
    apis = [("resource", "https://orders.example"), ("resource", "https://stock.example")]
    page = Page(alices.get("/authorise/", QUERY_STRING=urlencode([*request.items(), *apis])))
    assert page.boxes == {"user": True, "read": True, "orders:write": True, "stock:write": True}
    assert page.items.count("See what is there") == 1
    assert "See what is there (as chosen above)" in page.items
    html = alices.get("/authorise/", QUERY_STRING=urlencode([*request.items(), *apis])).content.decode()
    assert len(set(re.findall(r'\sid="([^"]+)"', html))) == len(re.findall(r'\sid="([^"]+)"', html))
    fields = [(name, value) for name, value in page.form_of("Allow").fields.items() if name != "resource"]
    body = [*fields, *apis, ("allow_scope", "user"), ("allow_scope", "orders:write")]
    answered = alices.post("/authorise/", urlencode(body), content_type=FORM, headers={"Origin": "http://testserver"})
    code = AuthorizationCode.objects.get()
    assert (answered.status_code, code.scope, code.resources) == (302, "user orders:write", "https://orders.example")
    assert Consent.objects.get().resources.split("\n") == ["https://orders.example user orders:write"]
