"""Sites with sign-in by unmodified third-party libraries, each in a process of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from config.processes import START_SECONDS, is_listening
from config.sites import ROOT, Sites
from tests.journeys import alice
from tests.journeys.stage import free_port, manage

pytestmark = pytest.mark.journey

STRANGERS = ROOT / "tests" / "journeys" / "strangers"
# Claims of every ID token of the server, except nonce, which not every client sends.
CLAIMS = {"iss", "sub", "aud", "exp", "iat", "auth_time", "at_hash", "sid"}


@dataclass(frozen=True, slots=True)
class Stranger:
    """
    A library, the site made with it, and its peculiarities.

    Attributes:
        command: starts the site, which reads its registration from standard input.
        callback: path of the redirect URI; libraries have their own.
        signed_out: path of the address to return to after a sign-out.
        sends_hint: True if its end_session request names the user, so that the server does not ask.
    """

    command: tuple[str, ...]
    callback: str
    signed_out: str = "/"
    sends_hint: bool = True


def _python(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"tests.journeys.strangers.{name}")


AUTHLIB = Stranger(_python("site_with_authlib"), "/callback", "/signed-out")
MOZILLA = Stranger(_python("site_with_mozilla_django_oidc"), "/oidc/callback/")
ALLAUTH = Stranger(_python("site_with_allauth"), "/accounts/oidc/our-server/login/callback/", sends_hint=False)
OPENID_CLIENT = Stranger(("node", str(STRANGERS / "node/site_with_openid_client.mjs")), "/callback")


@contextmanager
def running(stranger: Stranger, sites: Sites, directory: Path) -> Iterator[str]:
    """Register a library's site, run it until the block ends, and yield its URL."""
    port = free_port()
    site = f"http://127.0.0.1:{port}"
    printed = manage(
        sites,
        "create_client",
        "--json",
        "--name=Stranger",
        "--scope=openid profile email",
        f"--redirect-uri={site}{stranger.callback}",
        f"--post-logout-redirect-uri={site}{stranger.signed_out}",
    )
    client = json.loads(printed)
    registration = {name: client[name] for name in ("client_id", "client_secret")}
    registration |= {"issuer": sites.server_url, "site": site, "database": str(directory / "site.sqlite3")}
    with (directory / "log").open("w+") as log:
        process = subprocess.Popen(
            stranger.command, cwd=ROOT, stdin=subprocess.PIPE, stdout=log, stderr=log, text=True, env=sites.environment
        )
        try:
            assert process.stdin is not None
            with process.stdin as pipe:
                json.dump(registration, pipe)
            deadline = time.monotonic() + START_SECONDS
            while not is_listening(port):
                assert process.poll() is None, (directory / "log").read_text()[-3000:]
                assert time.monotonic() < deadline, "the stranger's site did not start"
                time.sleep(0.1)
            yield site
        except BaseException:
            print((directory / "log").read_text()[-6000:])  # noqa: T201 -- pytest shows it beside the failure
            raise
        finally:
            process.terminate()
            process.wait(timeout=10)


def told(page: Page) -> dict[str, Any]:
    """The site's data about the signed-in user."""
    expect(page.get_by_role("heading", name="Signed in")).to_be_visible()
    held: dict[str, Any] = json.loads(page.locator("pre").inner_text())
    return held


def press(page: Page, name: str) -> None:
    """Press one of the buttons of the site's page."""
    page.get_by_role("button", name=name, exact=True).click()


@pytest.mark.parametrize(
    "stranger",
    [
        pytest.param(AUTHLIB, id="Authlib as the README shows it"),
        pytest.param(MOZILLA, id="mozilla-django-oidc"),
        pytest.param(ALLAUTH, id="django-allauth"),
        pytest.param(OPENID_CLIENT, id="openid-client", marks=pytest.mark.node),
    ],
)
def test_signs_in_renews_and_signs_out(sites: Sites, desk: Page, stranger: Stranger, tmp_path: Path) -> None:
    """The client verifies the ID token by itself; the test checks the result."""
    with running(stranger, sites, tmp_path) as site:
        desk.goto(site)
        press(desk, "Sign in")
        alice.signs_in(desk)
        expect(desk.get_by_role("heading", name="Allow Stranger")).to_be_visible()
        press(desk, "Allow")

        first = told(desk)
        claims, userinfo = first["claims"], first["userinfo"]
        assert set(claims) >= CLAIMS
        assert claims["iss"] == sites.server_url
        assert not {"email", "name"} & set(claims)  # they belong in userinfo (OpenID Connect Core 1.0 section 5.4)
        assert userinfo["sub"] == claims["sub"]
        assert (userinfo["email"], userinfo["email_verified"]) == ("alice@example.com", True)
        assert userinfo["name"] == "Alice Liddell"

        press(desk, "Renew")
        renewed = told(desk)
        assert renewed["token"]["access_token"] != first["token"]["access_token"]
        same = ("iss", "sub", "aud", "auth_time", "sid")
        assert {name: renewed["claims"][name] for name in same} == {name: claims[name] for name in same}

        press(desk, "Sign out")
        if not stranger.sends_hint:
            expect(desk.get_by_role("heading", name="Sign out?")).to_be_visible()
            press(desk, "Sign out")
        desk.wait_for_url(f"{site}/")
        expect(desk.get_by_role("heading", name="Nobody is signed in")).to_be_visible()
        desk.goto(f"{sites.server_url}/manage-apps/")
        expect(desk.get_by_role("heading", name="Sign in")).to_be_visible()
        assert_is_dead(sites, renewed["token"]["access_token"])


def assert_is_dead(sites: Sites, access_token: str) -> None:
    """Check that tokens of a session without offline_access end with it."""
    bearer = {"Authorization": f"Bearer {access_token}"}
    url = f"{sites.server_url}/userinfo/"
    assert requests.get(url, headers=bearer, timeout=10, proxies={"http": ""}).status_code == 401
