"""A page on its own origin with sign-in by unmodified oidc-client-ts, in the real browser."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
import pytest
from playwright.sync_api import Browser, Page, expect

from config.sites import ROOT, Sites
from tests.journeys import alice
from tests.journeys.stage import manage

pytestmark = [pytest.mark.journey, pytest.mark.node]

NODE = ROOT / "tests" / "journeys" / "strangers" / "node"
LIBRARY = NODE / "node_modules" / "oidc-client-ts" / "dist" / "browser" / "oidc-client-ts.min.js"
# The server is at localhost. A page at another host is another site, whose frames get none of the server's cookies.
SAME_SITE, ANOTHER_SITE = "localhost", "127.0.0.1"
NAMED = ("client_id", "client_secret")


@contextmanager
def page_served(host: str) -> Iterator[str]:
    """Serve the page and the library from npm until the block ends; yield the origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_library = urlsplit(self.path).path == "/oidc-client-ts.js"
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if is_library else "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write((LIBRARY if is_library else NODE / "page.html").read_bytes())

        def log_message(self, *_: object, **__: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{host}:{server.server_port}"
        server.shutdown()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A session without address checks, because the library takes the code from the address itself."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def opens(page: Page, sites: Sites, origin: str, *, has_secret: bool = False) -> None:
    """Register the page, as a public client unless it has a secret, and open it."""
    printed = manage(
        sites,
        "create_client",
        "--json",
        *([] if has_secret else ["--public"]),
        "--name=Stranger",
        "--scope=openid profile email",
        *(f"--redirect-uri={origin}/{path}" for path in ("callback", "silent")),
        f"--post-logout-redirect-uri={origin}/",
    )
    client = json.loads(printed)
    registration = {"issuer": sites.server_url} | {name: client[name] for name in NAMED if name in client}
    page.goto(f"{origin}/#{urlencode(registration)}")


def press(page: Page, name: str) -> None:
    """Press one of the page's buttons."""
    page.get_by_role("button", name=name, exact=True).click()


def told(page: Page) -> dict[str, Any]:
    """The user that the library holds, and their tokens."""
    expect(page.get_by_role("heading", name="Signed in")).to_be_visible()
    held: dict[str, Any] = json.loads(page.locator("pre").inner_text())
    return held


def signs_in(page: Page) -> None:
    """Sign in at the server and return to the page."""
    press(page, "Sign in")
    alice.signs_in(page)
    page.get_by_role("button", name="Allow").click()


def assert_same_sign_in(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Check that the tokens are new and of the same user and session (OpenID Connect Core 1.0 section 12.2)."""
    assert after["token"]["access_token"] != before["token"]["access_token"]
    claims = [jwt.decode(each["token"]["id_token"], options={"verify_signature": False}) for each in (before, after)]
    for name in ("iss", "sub", "aud", "auth_time", "sid"):
        assert claims[0][name] == claims[1][name]


@pytest.mark.parametrize("host", [SAME_SITE, ANOTHER_SITE])
def test_signs_in_renews_and_signs_out(sites: Sites, page: Page, host: str) -> None:
    """Discovery, token and userinfo are requested from another origin, without a secret and with PKCE."""
    with page_served(host) as origin:
        opens(page, sites, origin)
        signs_in(page)
        first = told(page)
        assert page.url == f"{origin}/"
        assert (first["profile"]["email"], first["profile"]["name"]) == ("alice@example.com", "Alice Liddell")

        press(page, "Renew")
        expect(page.get_by_role("status")).to_have_text("done")
        assert_same_sign_in(first, told(page))

        press(page, "Sign out")
        page.wait_for_url(f"{origin}/")
        expect(page.get_by_role("heading", name="Nobody is signed in")).to_be_visible()
        page.goto(f"{sites.server_url}/manage-apps/")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_renews_in_a_frame(sites: Sites, page: Page) -> None:
    """
    prompt=none on the same site: the frame gets the session's cookie, and the response is a redirect, not a page of
    ours.

    The secret authenticates the client, as an https address would. Real pages have no secret, but it spares a
    certificate here.
    """
    with page_served(SAME_SITE) as origin:
        opens(page, sites, origin, has_secret=True)
        signs_in(page)
        first = told(page)
        press(page, "Renew in a frame")
        expect(page.get_by_role("status")).to_have_text("done")
        assert_same_sign_in(first, told(page))


@pytest.mark.parametrize(("host", "error"), [(SAME_SITE, "consent_required"), (ANOTHER_SITE, "login_required")])
def test_a_frame_that_cannot_renew_hears_why(sites: Sites, page: Page, host: str, error: str) -> None:
    """
    The library understands the error and stops waiting. Its refresh token stays valid.

    A public client without https is asked for consent each time (RFC 8252 section 8.6). On another site SameSite keeps
    the session's cookie away.
    """
    with page_served(host) as origin:
        opens(page, sites, origin)
        signs_in(page)
        told(page)
        press(page, "Renew in a frame")
        expect(page.get_by_role("status")).to_have_text(error)
        press(page, "Renew")
        expect(page.get_by_role("status")).to_have_text("done")
