"""A patient's browser, the server it connects to, and a database that two threads can share."""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.urls import clear_url_caches
from pytest_django import Settings

from tests.prescription_manager_app.fake_server import FakeServer, serving

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse

# One process has the settings of one site, so a run of the server's tests skips this folder.
collect_ignore_glob = [] if "prescription_manager_app" in django_settings.INSTALLED_APPS else ["test_*.py"]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Use a file: with SQLite's shared memory, connections fail on locked tables where a file would make them wait."""
    if connection.vendor == "sqlite":
        name = str(tmp_path_factory.mktemp("database") / "client.sqlite3")
        connection.settings_dict["TEST"]["NAME"] = name


@pytest.fixture
def server(settings: Settings) -> Iterator[FakeServer]:
    """The authorization server that the settings name."""
    with serving(FakeServer()) as fake:
        settings.OAUTH_SERVER_URL = fake.issuer
        yield fake


@dataclass(frozen=True)
class Page:
    """Page that the browser shows after all redirects within this app."""

    status_code: int
    text: str
    redirects: list[str]


@dataclass
class Browser:
    """Alice's browser: its actions in this app, and on the server when the app redirects there."""

    client: Client
    server: FakeServer

    def depart(self) -> str:
        """Click Connect; return the server's address that it leads to."""
        response = self.client.post("/connect/")
        assert response.status_code == 302
        return str(response["Location"])

    def come_back(self, query: str) -> Page:
        """Follow the server's redirect to the callback, and the app's redirects from there."""
        return _page(self.client.get(f"/callback?{query}", follow=True))

    def connect(self) -> Page:
        """Click Connect, sign in, click Allow."""
        return self.come_back(self.server.allow(self.depart()))

    def home(self) -> Page:
        return _page(self.client.get("/", follow=True))

    def press(self, path: str, data: Mapping[str, object] | None = None) -> Page:
        """Submit one of the app's forms."""
        return _page(self.client.post(path, data, follow=True))


def _page(response: "_MonkeyPatchedWSGIResponse") -> Page:
    return Page(response.status_code, response.content.decode(), [url for url, _ in response.redirect_chain])


@pytest.fixture
def browser(server: FakeServer, db: None) -> Browser:
    return Browser(Client(), server)


@pytest.fixture
def alice(browser: Browser) -> Browser:
    """Alice's browser, connected, with an empty list."""
    browser.connect()
    return browser


@pytest.fixture
def development(settings: Settings) -> Iterator[None]:
    """DEBUG is on, and the URLs are those of a site that starts with it."""
    settings.DEBUG = True
    _reload_urls()
    yield
    settings.DEBUG = False
    _reload_urls()


def _reload_urls() -> None:
    for name in ("prescription_manager_app.urls", "config.client.urls"):
        module: ModuleType = importlib.import_module(name)
        importlib.reload(module)
    clear_url_caches()
