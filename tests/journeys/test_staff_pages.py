"""The admin's pages of this app on a phone and a desktop, light and dark: accessible, and nothing is cut off."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from config.sites import Sites
from tests.journeys import look
from tests.journeys.stage import manage

pytestmark = pytest.mark.journey

MODELS = (
    *("client", "resource", "trustedissuer", "devicecode", "auditevent", "consent", "grant", "signingkey"),
    *("delivery", "document", "initialaccesstoken"),
)
CANNOT_BE_DELETED = ("auditevent", "signingkey")
HAVE_FORMS = ("client", "resource", "trustedissuer", "initialaccesstoken")
# Of Django's own: its search field has a picture for a label, a row of an inline list has a heading without words, and the
# field that chooses from two lists names an element that has no role.
DJANGOS = {"label-title-only", "empty-table-header", "aria-prohibited-attr"}
STEADY = "* { transition: none !important; animation: none !important }"  # colours are measured when they have changed
CUT_OFF = """() => Array.from(document.querySelectorAll("#result_list td, #result_list th, #content textarea[readonly]"))
    .filter(each => each.scrollWidth > each.clientWidth + 1
        || each.getBoundingClientRect().right > (each.closest(".results")?.getBoundingClientRect().right ?? innerWidth) + 1)
    .map(each => each.outerHTML.slice(0, 200))"""


@pytest.fixture(scope="module")
def rows(sites: Sites) -> Iterator[None]:
    """Takes away what a test has made."""
    yield
    manage(sites, "shell", "-c", "from tests.journeys import staff_rows; staff_rows.remove()")


@pytest.fixture
def keys(sites: Sites, rows: None, nobody_is_connected: None) -> dict[str, str]:
    """A server in use; the key of the latest row of each model."""
    code = "from tests.journeys import staff_rows; staff_rows.remove(); staff_rows.make(); print(staff_rows.keys())"
    keys: dict[str, str] = json.loads(manage(sites, "shell", "-c", code).splitlines()[-1])
    return keys


@pytest.fixture
def staff(desk: Page, sites: Sites) -> Page:
    """An administrator at the admin's first page."""
    desk.goto(f"{sites.server_url}/admin/")
    desk.get_by_label("Username").fill("admin")
    desk.get_by_label("Password").fill("admin")
    desk.get_by_role("button", name="Log in").click()
    expect(desk.get_by_role("heading", name="Site administration")).to_be_visible()
    return desk


def check(page: Page, name: str) -> None:
    """Hold a page against look.check(), but for what is Django's own; and let nothing in a list or a shown secret be cut off."""
    page.add_style_tag(content=STEADY)
    for viewport in (look.PHONE, look.DESKTOP):
        page.set_viewport_size(viewport)
        assert page.evaluate(CUT_OFF) == [], f"{page.url}, {viewport['width']} px"
    look.check(page, f"staff-{name}", without=DJANGOS)


def test_every_page_of_a_model_fits_and_is_accessible(sites: Sites, keys: dict[str, str], staff: Page) -> None:
    """Lists, forms, rows, deletions and histories, with values short and long."""
    for model in MODELS:
        pages = {model: "", f"{model}-row": f"{keys[model]}/change/", f"{model}-history": f"{keys[model]}/history/"}
        if model in HAVE_FORMS:
            pages[f"{model}-add"] = "add/"
        if model not in CANNOT_BE_DELETED:
            pages[f"{model}-delete"] = f"{keys[model]}/delete/"
        for name, path in pages.items():
            answer = staff.goto(f"{sites.server_url}/admin/oauth_service/{model}/{path}")
            assert answer
            assert answer.status == 200
            check(staff, name)


def shown(page: Page, name: str) -> Locator:
    """The field of a page that shows a secret once."""
    return page.get_by_label(name, exact=True)


def test_a_secret_is_rotated_without_an_outage(sites: Sites, keys: dict[str, str], staff: Page) -> None:
    """Made, copied, and the previous one ended after a page that says when it was last used."""
    staff.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=sites.server_url)
    staff.goto(f"{sites.server_url}/admin/oauth_service/client/{keys['client']}/secret/")
    check(staff, "secret")
    staff.get_by_role("button", name="Make a new secret").click()
    expect(staff.get_by_text("The client has a new secret.")).to_be_visible()
    check(staff, "rotated")
    field = shown(staff, "client_secret")
    expect(field).not_to_be_editable()
    secret = field.input_value()
    staff.get_by_role("button", name="Copy client_secret").click()
    expect(staff.get_by_text("Copied.")).to_be_visible()
    assert (len(secret), staff.evaluate("navigator.clipboard.readText()")) == (43, secret)
    staff.get_by_role("button", name="End the previous secret").click()
    expect(staff.get_by_text("Not used since the newest secret was made")).to_be_visible()
    check(staff, "end-previous")
    staff.get_by_role("link", name="No, take me back").click()
    expect(staff.get_by_text("Two secrets are accepted")).to_be_visible()
    staff.get_by_role("button", name="End the previous secret").click()
    staff.get_by_role("button", name="Yes, end the previous secret").click()
    expect(staff.get_by_text("The previous secret is no longer accepted.")).to_be_visible()


def test_without_javascript_there_is_no_button_that_copies(sites: Sites, keys: dict[str, str], staff: Page) -> None:
    """The field is there, and can be selected."""
    context = staff.context.browser.new_context(java_script_enabled=False, storage_state=staff.context.storage_state())  # type: ignore[union-attr]
    page = context.new_page()
    page.goto(f"{sites.server_url}/admin/oauth_service/client/{keys['client']}/secret/")
    page.get_by_role("button", name="Make a new secret").click()
    expect(shown(page, "client_secret")).to_be_visible()
    assert page.get_by_role("button", name="Copy").count() == 0
    context.close()
