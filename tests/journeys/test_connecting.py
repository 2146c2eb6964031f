"""Alice connects the app: from its landing page through the server's sign-in and consent to her prescriptions."""

import pytest
from playwright.sync_api import Page, expect

from config.sites import Sites
from tests.journeys import alice
from tests.journeys.look import DESKTOP, PHONE, check
from tests.journeys.stage import manage

pytestmark = pytest.mark.journey

LOOK_OF_BUTTON = """button => {
    const { width, height, bottom } = button.getBoundingClientRect(), look = getComputedStyle(button)
    const size = [width, height, bottom, look.borderWidth, look.borderStyle, look.font]
    return { bottom, size, colours: [look.color, look.backgroundColor], icon: button.querySelector("path").outerHTML }
}"""

LINES_OF_FIRST_WORDS = """link => {
    const words = document.createRange()
    words.selectNodeContents(link.firstChild)
    return Array.from(words.getClientRects()).filter(box => box.width > 0).length
}"""


def test_alice_connects_the_app_and_sees_her_prescriptions(sites: Sites, desk: Page) -> None:
    """The guide's steps 1 to 6, as a user sees them."""
    desk.goto(sites.client_url)
    check(desk)
    alice.clicks_connect(desk, sites)
    expect(desk.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(desk.get_by_text("to continue to Prescription Manager")).to_be_visible()
    check(desk)
    alice.signs_in(desk)
    expect(desk.get_by_role("button", name="Allow")).to_be_visible()
    check(desk)
    desk.get_by_role("button", name="Allow").click()
    expect(desk).to_have_url(f"{sites.client_url}/")
    expect(desk.get_by_text("Connected as Alice Liddell")).to_be_visible()
    expect(alice.card(desk, "Lisinopril")).to_contain_text("3 refills left")
    check(desk)


def test_a_wrong_password_is_told_and_the_request_goes_on_after_the_right_one(sites: Sites, desk: Page) -> None:
    """A typing error must not lose the app's request."""
    alice.clicks_connect(desk, sites)
    alice.signs_in(desk, "looking-glass")
    expect(desk.get_by_role("alert")).to_contain_text("correct username and password")
    expect(desk.get_by_label("Username")).to_have_value("alice")
    expect(desk.get_by_label("Password")).to_be_focused()
    check(desk)
    alice.signs_in(desk)
    expect(desk.get_by_role("heading", name="Allow Prescription Manager")).to_be_visible()


def test_the_consent_page_says_who_asks_for_what_and_where_it_leads(sites: Sites, desk: Page) -> None:
    """Users must know all this to decide."""
    alice.clicks_connect(desk, sites)
    alice.signs_in(desk)
    said = desk.get_by_role("main")
    for words in (
        "Allow Prescription Manager to see part of your account?",
        "Run by Wonderland Health",
        "Your username and e-mail address",
        "Your name and when your profile was last updated",
        f"Whichever you choose, your browser goes next to 127.0.0.1:{sites.client_port}",
        "Signed in as alice",
    ):
        expect(said).to_contain_text(words)


def test_allow_and_deny_are_offered_equally_and_on_the_first_screen(sites: Sites, desk: Page) -> None:
    """A page that pushes towards Allow has not asked; two buttons that look the same are mixed up."""
    alice.clicks_connect(desk, sites)
    alice.signs_in(desk)
    for viewport in (PHONE, DESKTOP):
        desk.set_viewport_size(viewport)
        allow, deny = (desk.get_by_role("button", name=name).evaluate(LOOK_OF_BUTTON) for name in ("Allow", "Deny"))
        assert allow["size"] == deny["size"]
        assert not set(allow["colours"]) & set(deny["colours"])
        assert allow["icon"] != deny["icon"]
        assert allow["bottom"] <= viewport["height"]


def test_deny_is_told_in_words_and_leaves_a_way_on(sites: Sites, desk: Page) -> None:
    """A refusal is a choice of the user, not a failure."""
    alice.clicks_connect(desk, sites)
    alice.signs_in(desk)
    desk.get_by_role("button", name="Deny").click()
    expect(desk).to_have_url(f"{sites.client_url}/outcome/access_denied/")
    expect(desk.get_by_role("heading", name="You chose not to connect")).to_be_visible()
    check(desk)
    desk.get_by_role("button", name=alice.OPENS_APP).click()
    desk.get_by_role("button", name="Allow").click()
    expect(desk.get_by_role("heading", name="Your prescriptions")).to_be_visible()


def test_whoever_has_allowed_it_before_is_not_asked_again(sites: Sites, desk: Page) -> None:
    """The user has answered the question already."""
    alice.connects(desk, sites)
    desk.get_by_role("button", name="Log out").click()
    desk.get_by_role("button", name=alice.OPENS_APP).click()
    expect(desk).to_have_url(f"{sites.client_url}/")
    expect(desk.get_by_role("heading", name="Your prescriptions")).to_be_visible()


def test_whoever_asks_for_more_asks_again_and_what_is_new_is_marked(sites: Sites, desk: Page) -> None:
    """Consent to one scope is no consent to another (RFC 6749 section 3.3)."""
    alice.is_asked(desk, sites, scope="user")
    alice.signs_in(desk)
    desk.get_by_role("button", name="Allow").click()
    alice.is_asked(desk, sites, scope="user profile")
    known, new = desk.get_by_role("main").get_by_role("region").get_by_role("listitem").all()
    expect(known).to_have_text("Your username and e-mail address")
    expect(new).to_have_text("Your name and when your profile was last updated New")
    check(desk)


def test_somebody_else_can_sign_in_and_is_asked_the_same(sites: Sites, desk: Page) -> None:
    """Otherwise the previous user of a shared computer would decide for the next one."""
    alice.clicks_connect(desk, sites)
    alice.signs_in(desk)
    desk.get_by_role("button", name="Not you? Sign out").click()
    alice.signs_in(desk, "admin", username="admin")
    expect(desk.get_by_role("heading", name="Allow Prescription Manager")).to_be_visible()
    expect(desk.get_by_role("main")).to_contain_text("Signed in as admin")


def test_a_long_host_does_not_break_the_word_before_it(sites: Sites, desk: Page) -> None:
    """The link to the website once read "We", "bsi", "te" on three lines of a phone."""
    host = "www.extraordinarily-long-subdomain.of-the-royal-hospital.northern-region.wonderland.example"
    made = manage(
        sites,
        "create_client",
        "--name=Pill Reminder",
        "--operator=Royal Hospital",
        f"--redirect-uri={sites.client_url}/callback",
        f"--website=https://{host}/",
        "--without-pkce",
    )
    alice.is_asked(desk, sites, client_id=made.split()[1])
    alice.signs_in(desk)
    expect(desk.get_by_role("main")).to_contain_text(f"Run by Royal Hospital Website: {host}")
    desk.set_viewport_size(PHONE)
    assert desk.get_by_role("link", name="Website").evaluate(LINES_OF_FIRST_WORDS) == 1
    check(desk, "consent-long-host")
