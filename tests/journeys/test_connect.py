"""Alice connects the app in a real browser, both sites running as `make run` starts them."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

from config.sites import ROOT, Sites, prepare, running
from tests.journeys import chromium

pytestmark = pytest.mark.journey

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    state_dir = tmp_path_factory.mktemp("sites")
    sites = Sites(server_port=free_port(), client_port=free_port(), state_dir=state_dir)
    prepare(sites)
    with Path(state_dir / "log").open("w") as log, running(sites, output=log):
        yield sites


@pytest.fixture(params=[(360, "light"), (1280, "dark")], ids=["phone-light", "desktop-dark"])
def page(request: pytest.FixtureRequest) -> Iterator[Page]:
    width, scheme = request.param
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.path(), args=ARGUMENTS)
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        yield context.new_page()
        browser.close()


def check(page: Page) -> None:
    assert Axe().run(page).violations_count == 0, page.url


def test_alice_connects_and_cuts_the_app_off(sites: Sites, page: Page) -> None:
    """The guide's story in a browser, axe-core on every page of it."""
    page.goto(sites.client_url)
    check(page)
    page.get_by_role("button", name="Connect to OAuth Service").first.click()
    check(page)
    page.get_by_label("Username").fill("alice")
    page.locator("input[name=password]").fill("wonderland")
    page.locator("main form button[type=submit]").first.click()
    check(page)
    page.get_by_role("button", name="Allow").click()
    assert page.url.startswith(sites.client_url)
    assert "Alice" in page.content()
    check(page)
    page.goto(f"{sites.server_url}/manage-apps/")
    check(page)
    page.get_by_role("button", name="Revoke Access").click()
    assert page.url == f"{sites.server_url}/manage-apps/"
    check(page)
    page.goto(sites.client_url)
    assert "Connect" in page.content()


def test_the_simulation_finds_no_deviation(sites: Sites) -> None:
    """Nine steps, every message held against the guide, over real HTTP."""
    options = ["--server-url", sites.server_url, "--redirect-uri", f"{sites.client_url}/callback"]
    options += ["--client-id", "presc_man_123", "--client-secret", "ITS_A_VERY_SECRET_KEY"]
    options += ["--username", "alice", "--password", "wonderland"]
    command = [sys.executable, "manage.py", "simulate", *options]
    done = subprocess.run(command, cwd=ROOT, env=sites.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
