"""Pages of OpenID Connect, on each device, light and dark, and without scripts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Thread
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, expect

from config.sites import Sites
from tests.journeys import alice
from tests.journeys.look import check
from tests.journeys.stage import manage
from tests.journeys.watch import watched
from tests.specs.appendix_b import CHALLENGED

pytestmark = pytest.mark.journey

# Pages that continue by themselves are stopped for the check, because axe-core needs scripts.
STANDS_STILL = """
HTMLFormElement.prototype.submit = () => {}
addEventListener("load", event => event.stopImmediatePropagation())
const later = window.setTimeout
window.setTimeout = (run, pause, ...rest) => pause === 4000 ? 0 : later(run, pause, ...rest)
"""
HEARD = "<!doctype html><title>The app</title><h1>Back at the app</h1>"


def _picture() -> bytes:
    """A picture that cannot be mistaken for a letter."""
    picture = Image.new("RGBA", (240, 240), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((20, 20, 220, 220), fill="#7a1fa2")
    draw.rectangle((105, 60, 135, 180), fill="white")
    draw.rectangle((60, 105, 180, 135), fill="white")
    written = BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


@dataclass
class App:
    """A client's site on this machine, and the requests to it: method, path and parameters."""

    url: str
    client_id: str = ""
    heard: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def told(self, path: str) -> list[dict[str, str]]:
        """Parameters of each request to a path."""
        return [parameters for _method, heard, parameters in self.heard if heard == path]


@contextmanager
def app_running() -> Iterator[App]:
    """Serve a client's site until the block ends."""
    heard: list[tuple[str, str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            self._hear(address.path, address.query)

        def do_POST(self) -> None:
            self._hear(self.path, self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _hear(self, path: str, query: str) -> None:
            heard.append((self.command, path, {name: values[0] for name, values in parse_qs(query).items()}))
            self.send_response(200)
            self.send_header("Content-Type", "image/png" if path == "/logo.png" else "text/html")
            self.end_headers()
            self.wfile.write(_picture() if path == "/logo.png" else HEARD.encode())

        def log_message(self, *_: object, **__: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield App(f"http://127.0.0.1:{server.server_port}", heard=heard)
        server.shutdown()


@pytest.fixture
def app(sites: Sites) -> Iterator[App]:
    """A registered client with a logo, an operator and its links, which learns of sign-outs in a frame."""
    with app_running() as app:
        printed = manage(
            sites,
            "create_client",
            "--json",
            "--name=Red Queen's Croquet",
            "--operator=Wonderland Sports",
            "--scope=openid profile email",
            f"--redirect-uri={app.url}/callback",
            f"--post-logout-redirect-uri={app.url}/after",
            f"--frontchannel-logout-uri={app.url}/frame",
            "--frontchannel-logout-session-required",
            f"--logo-uri={app.url}/logo.png",
            f"--policy-uri={app.url}/privacy",
        )
        app.client_id = json.loads(printed)["client_id"]
        yield app


@pytest.fixture
def plain(browser: Browser) -> Iterator[Page]:
    """A session without scripts."""
    with watched(browser, java_script_enabled=False) as page:
        yield page


def asks(page: Page, sites: Sites, app: App, **changes: str) -> None:
    """Open an authentication request of the app."""
    request = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": f"{app.url}/callback",
        "scope": "openid profile email",
        "state": "st",
        **CHALLENGED,
    } | changes
    page.goto(f"{sites.server_url}/authorise/?{urlencode(request)}")


def connects(page: Page, sites: Sites, app: App) -> None:
    """Connect the app. The code is sent by POST, so that no address shows it."""
    asks(page, sites, app, response_mode="form_post")
    alice.signs_in(page)
    page.get_by_role("button", name="Allow").click()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Back at the app")).to_be_visible()


def signs_out(page: Page, sites: Sites, **sent: str) -> None:
    """Open a request to the end_session_endpoint."""
    page.goto(f"{sites.server_url}/oauth/logout/?{urlencode(sent)}")


def test_consent_with_a_logo(sites: Sites, app: App, desk: Page) -> None:
    """The logo is fetched once and drawn again; the page loads nothing from the app."""
    asks(desk, sites, app)
    alice.signs_in(desk)
    logo = desk.locator("img.tile-logo")
    expect(logo).to_be_attached()
    assert logo.evaluate("image => image.naturalWidth") == 192
    check(desk, "consent-with-a-logo")
    assert [path for _method, path, _parameters in app.heard] == ["/logo.png"]


def test_sign_in_for_an_app_with_a_logo(sites: Sites, app: App, desk: Page) -> None:
    """
    Users see its picture and its privacy policy before they type a password (OpenID Connect Registration section 2).
    """
    asks(desk, sites, app)
    expect(desk.get_by_role("heading", name="Sign in")).to_be_visible()
    assert desk.locator("img.tile-logo").evaluate("image => image.naturalWidth") == 192
    expect(desk.get_by_role("link", name="Privacy policy")).to_have_attribute("href", f"{app.url}/privacy")
    check(desk, "sign-in-for-an-app")


def test_the_letter_is_seen_where_no_logo_came(sites: Sites, app: App, desk: Page) -> None:
    """Browsers draw a mark for a broken picture unless it has no box. axe-core does not detect that."""
    desk.route("**/oauth/logo/*", lambda route: route.fulfill(content_type="image/png", body=b"no picture"))
    asks(desk, sites, app)
    logo = desk.locator("img.tile-logo")
    expect(logo).to_be_attached()
    assert logo.evaluate("image => [image.complete, image.naturalWidth]") == [True, 0]
    expect(logo).to_be_hidden()


def test_choose_an_account(sites: Sites, app: App, desk: Page) -> None:
    """prompt=select_account: continue with this account, or sign in with another."""
    asks(desk, sites, app)
    alice.signs_in(desk)
    asks(desk, sites, app, prompt="select_account")
    expect(desk.get_by_role("heading", name="Choose an account")).to_be_visible()
    check(desk, "choose-an-account")
    desk.get_by_role("link", name="Continue as alice").click()
    expect(desk.get_by_role("heading", name="Allow Red Queen's Croquet")).to_be_visible()
    asks(desk, sites, app, prompt="select_account")
    desk.get_by_role("button", name="Use another account").click()
    expect(desk.get_by_role("heading", name="Sign in")).to_be_visible()


def test_going_back_by_a_form(sites: Sites, app: App, plain: Page) -> None:
    """response_mode=form_post without scripts: the page names the target, and a button sends the form."""
    asks(plain, sites, app, response_mode="form_post")
    alice.signs_in(plain)
    plain.get_by_role("button", name="Allow").click()
    expect(plain.get_by_role("heading", name="Going back to the app")).to_be_visible()
    plain.get_by_role("button", name="Continue").click()
    expect(plain.get_by_role("heading", name="Back at the app")).to_be_visible()
    [answer] = app.told("/callback")
    assert set(answer) == {"code", "state", "iss"}


def test_the_form_that_goes_back(sites: Sites, app: App, desk: Page) -> None:
    """Users see the page briefly, or for as long as their network is down."""
    desk.add_init_script(STANDS_STILL)
    asks(desk, sites, app, response_mode="form_post")
    alice.signs_in(desk)
    desk.get_by_role("button", name="Allow").click()
    expect(desk.get_by_role("heading", name="Going back to the app")).to_be_visible()
    check(desk, "form-post")


def test_a_form_sends_itself(sites: Sites, app: App, desk: Page) -> None:
    """Scripts send the form without a click; the page's policy allows this script."""
    asks(desk, sites, app, response_mode="form_post")
    alice.signs_in(desk)
    desk.get_by_role("button", name="Allow").click()
    expect(desk.get_by_role("heading", name="Back at the app")).to_be_visible()
    assert [answer["state"] for answer in app.told("/callback")] == ["st"]


@pytest.mark.parametrize("who", ["an app", "nobody known"])
def test_whether_to_sign_out(sites: Sites, app: App, desk: Page, who: str) -> None:
    """The user decides, unless a hint names this very session."""
    asks(desk, sites, app)
    alice.signs_in(desk)
    signs_out(desk, sites, **({"client_id": app.client_id} if who == "an app" else {}))
    expect(desk.get_by_role("heading", name="Sign out?")).to_be_visible()
    check(desk, f"sign-out-for-{who.replace(' ', '-')}")
    desk.get_by_role("link", name="Stay signed in").click()
    expect(desk.get_by_role("heading", name="No connected apps")).to_be_visible()


def test_signed_out_with_frames(sites: Sites, app: App, plain: Page) -> None:
    """Apps learn of the sign-out in frames; without scripts the way back is a link."""
    connects(plain, sites, app)
    signs_out(plain, sites, client_id=app.client_id, post_logout_redirect_uri=f"{app.url}/after")
    plain.get_by_role("button", name="Sign out").click()
    expect(plain.get_by_role("heading", name="You are signed out")).to_be_visible()
    assert plain.locator("iframe").count() == 1
    plain.get_by_role("link", name="Continue to Red Queen's Croquet").click()
    expect(plain.get_by_role("heading", name="Back at the app")).to_be_visible()


def test_the_page_with_the_frames(sites: Sites, app: App, desk: Page) -> None:
    """The frames are invisible, and the keyboard does not reach them."""
    asks(desk, sites, app, response_mode="form_post")
    alice.signs_in(desk)
    desk.get_by_role("button", name="Allow").click()
    expect(desk.get_by_role("heading", name="Back at the app")).to_be_visible()
    desk.add_init_script(STANDS_STILL)
    signs_out(desk, sites, client_id=app.client_id, post_logout_redirect_uri=f"{app.url}/after")
    desk.get_by_role("button", name="Sign out").click()
    expect(desk.get_by_role("link", name="Continue to Red Queen's Croquet")).to_be_visible()
    check(desk, "signed-out-with-frames")


def test_frames_are_loaded_before_the_browser_goes_on(sites: Sites, app: App, desk: Page) -> None:
    """Scripts make the page go on by itself, once the apps have been told (Front-Channel Logout section 3)."""
    asks(desk, sites, app, response_mode="form_post")
    alice.signs_in(desk)
    desk.get_by_role("button", name="Allow").click()
    expect(desk.get_by_role("heading", name="Back at the app")).to_be_visible()
    after = f"{app.url}/after"
    signs_out(desk, sites, client_id=app.client_id, post_logout_redirect_uri=after, state="gone")
    desk.get_by_role("button", name="Sign out").click()
    desk.wait_for_url(f"{after}?state=gone")
    [frame] = app.told("/frame")
    assert frame["iss"] == sites.server_url
    assert frame["sid"]
    paths = [path for _method, path, _parameters in app.heard]
    assert paths.index("/frame") < paths.index("/after")


def test_a_frame_that_never_loads_holds_nobody_up(sites: Sites, app: App, desk: Page) -> None:
    """The other apps have been told by then; if one app hangs, the user still gets on."""
    asks(desk, sites, app, response_mode="form_post")
    alice.signs_in(desk)
    desk.get_by_role("button", name="Allow").click()
    expect(desk.get_by_role("heading", name="Back at the app")).to_be_visible()
    desk.context.route("**/frame?*", lambda _: None)
    signs_out(desk, sites, client_id=app.client_id, post_logout_redirect_uri=f"{app.url}/after")
    desk.get_by_role("button", name="Sign out").click()
    desk.wait_for_url(f"{app.url}/after", timeout=15_000)


def test_our_own_button_tells_the_apps_too(sites: Sites, app: App, desk: Page) -> None:
    """The button "Use another account" signs out first: the frames load, and the request goes on by itself."""
    asks(desk, sites, app, response_mode="form_post")
    alice.signs_in(desk)
    desk.get_by_role("button", name="Allow").click()
    expect(desk.get_by_role("heading", name="Back at the app")).to_be_visible()
    asks(desk, sites, app, prompt="select_account")
    desk.get_by_role("button", name="Use another account").click()
    expect(desk.get_by_role("heading", name="Sign in")).to_be_visible()
    assert len(app.told("/frame")) == 1


@pytest.mark.parametrize("is_signed_in", [True, False], ids=["signed in", "signed out"])
def test_a_sign_out_that_is_refused(sites: Sites, app: App, desk: Page, is_signed_in: bool) -> None:
    """The address is not registered: the page has a reference and a way out, and never redirects."""
    if is_signed_in:
        asks(desk, sites, app)
        alice.signs_in(desk)
    signs_out(desk, sites, client_id=app.client_id, post_logout_redirect_uri="https://thief.example/")
    expect(desk.get_by_role("heading", name="The app could not sign you out")).to_be_visible()
    expect(desk.locator(".reference code")).to_be_visible()
    check(desk, f"sign-out-refused-{'signed-in' if is_signed_in else 'signed-out'}")
    if is_signed_in:
        desk.get_by_role("main").get_by_role("button", name="Sign out").click()
        expect(desk.get_by_role("heading", name="You are signed out")).to_be_visible()
