"""Clients on other origins in a real browser: a popup, a callback that redirects, a script that sends requests."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from config.sites import Sites
from tests.journeys import alice
from tests.journeys.stage import manage
from tests.specs.appendix_b import CHALLENGED

pytestmark = pytest.mark.journey

OPENER = """<!doctype html><title>An app</title><button>Connect</button><script>
const heard = []
addEventListener("message", event => heard.push(event.data))
document.querySelector("button").onclick = () => open(location.hash.slice(1), "_blank", "width=600,height=600")
</script>"""
CALLBACK = """<!doctype html><title>Back</title><h1>Back</h1><script>
if (window.opener) opener.postMessage(new URLSearchParams(location.search).has("code"), "*")
</script>"""


class App:
    """A client's site on a port of its own, and so an origin of its own; /hop redirects to `goes_on`."""

    def __init__(self) -> None:
        self.goes_on = ""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler) -> None:  # noqa: N805 -- `self` is the site
                path = urlsplit(handler.path).path
                handler.send_response(302 if path == "/hop" else 200)
                handler.send_header(*(("Location", self.goes_on) if path == "/hop" else ("Content-Type", "text/html")))
                handler.end_headers()
                handler.wfile.write((OPENER if path == "/" else CALLBACK).encode())

            def log_message(self, *_: object, **__: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def running(self) -> Iterator["App"]:
        """Serve until the block ends."""
        thread = Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


@pytest.fixture(scope="module")
def apps(sites: Sites) -> Iterator[tuple[App, App, App]]:
    """A registered client, and two sites unknown to the server: the browser passes all three."""
    with ExitStack() as stack:
        client, second, third = (stack.enter_context(App().running()) for _ in range(3))
        client.goes_on, second.goes_on = f"{second.url}/hop", third.url.replace("127.0.0.1", "localhost") + "/landing"
        redirect_uris = [f"--redirect-uri={client.url}/{path}" for path in ("callback", "hop")]
        manage(sites, "create_client", "--name=Elsewhere", "--client-id=elsewhere", *redirect_uris)
        yield client, second, third


def request_to(sites: Sites, redirect_uri: str) -> str:
    """An authorization request of the registered client."""
    sent = {"response_type": "code", "client_id": "elsewhere", "redirect_uri": redirect_uri, "state": "a", **CHALLENGED}
    return f"{sites.server_url}/authorise/?{urlencode(sent)}"


def signs_in_and_allows(page: Page) -> None:
    """Sign in and allow, as a new user."""
    alice.signs_in(page)
    page.get_by_role("button", name="Allow").click()


def denies(page: Page) -> None:
    """Sign in and deny."""
    alice.signs_in(page)
    page.get_by_role("button", name="Deny").click()


def signs_out_in_between(page: Page) -> None:
    """Click "Not you?"; the request goes on after another sign-in."""
    alice.signs_in(page)
    page.get_by_role("button", name="Not you? Sign out").click()
    signs_in_and_allows(page)


def mistypes_first(page: Page) -> None:
    """Mistype the password first; the login page is shown again."""
    alice.signs_in(page, "looking-glass")
    signs_in_and_allows(page)


WAYS: dict[str, tuple[Callable[[Page], None], bool]] = {
    "allows": (signs_in_and_allows, True),
    "denies": (denies, False),
    "signs out in between": (signs_out_in_between, True),
    "mistypes first": (mistypes_first, True),
}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A session without address checks: here an address shows the code, as in any finished popup."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("way", WAYS)
def test_a_popup_tells_the_page_that_opened_it(sites: Sites, apps: tuple[App, App, App], page: Page, way: str) -> None:
    """The page waits for its popup's message: a server that cuts window.opener leaves it waiting."""
    walk, has_code = WAYS[way]
    page.goto(f"{apps[0].url}/#{request_to(sites, f'{apps[0].url}/callback')}")
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Connect").click()
    walk(opened.value)
    expect(opened.value.get_by_role("heading", name="Back")).to_be_visible()
    page.wait_for_function("heard.length")
    assert page.evaluate("heard") == [has_code]


@pytest.mark.parametrize("way", WAYS)
def test_a_callback_may_send_the_browser_on(sites: Sites, apps: tuple[App, App, App], page: Page, way: str) -> None:
    """Chromium applies form-action to every redirect: it would stop after the code was used."""
    walk, _ = WAYS[way]
    page.goto(request_to(sites, f"{apps[0].url}/hop"))
    walk(page)
    page.wait_for_url(f"**{urlsplit(apps[1].goes_on).netloc}/landing")


def test_who_has_allowed_it_before_is_sent_on_from_the_login_page(
    sites: Sites, apps: tuple[App, App, App], page: Page
) -> None:
    """The login form itself redirects then, up to the third site."""
    page.goto(request_to(sites, f"{apps[0].url}/hop"))
    signs_in_and_allows(page)
    page.wait_for_url("**/landing")
    page.context.clear_cookies(name="sessionid")
    page.goto(request_to(sites, f"{apps[0].url}/hop"))
    alice.signs_in(page)
    page.wait_for_url(f"**{urlsplit(apps[1].goes_on).netloc}/landing")


@pytest.mark.parametrize(
    "name",
    ["Authorization", "Content-Type", "MCP-Protocol-Version", "traceparent", "sentry-trace", "X-Requested-With"],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/.well-known/oauth-authorization-server"), ("POST", "/token/")])
def test_a_script_may_send_what_its_libraries_add(
    sites: Sites, apps: tuple[App, App, App], page: Page, name: str, method: str, path: str
) -> None:
    """The browser asks the server first, and does not send a request with a header that is not allowed."""
    page.goto(apps[0].url)
    options = json.dumps({"method": method, "headers": {name: "application/json"}})
    status = page.evaluate(f"fetch('{sites.server_url}{path}', {options}).then(answer => answer.status, String)")
    assert status in (200, 400, 401)
