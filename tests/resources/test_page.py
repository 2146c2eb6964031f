"""docs/drf.md: the Python code on the page runs, and does what the page says."""

import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import Client as Browser
from django.urls import include, path
from pytest_django import Settings

from config.sites import ROOT
from oauth_service.models import Resource
from tests.guide import Guide

PAGE = (ROOT / "docs/drf.md").read_text()
API = "https://api.example/orders"


def blocks(text: str) -> list[str]:
    """Return the Python blocks of a page, without the settings of another project."""
    found = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [block for block in found if not block.startswith("# settings.py")]


@pytest.fixture
def page(settings: Settings) -> Iterator[ModuleType]:
    """The page as one module, which is also the URLconf."""
    module = ModuleType("page_of_drf")
    sys.modules[module.__name__] = module
    for block in blocks(PAGE):
        exec(compile(block, "docs/drf.md", "exec"), module.__dict__)  # noqa: S102 - the page is ours
    module.__dict__["urlpatterns"] += [path("", include("oauth_service.urls"))]
    settings.ROOT_URLCONF = module.__name__
    yield module
    del sys.modules[module.__name__]


@pytest.fixture
def orders(guide: Guide) -> Guide:
    """The API that the page registers, and a client that may have all its scopes."""
    scopes = "orders:read See your orders\norders:write Change your orders"
    Resource.objects.create(identifier=API, name="Orders", scopes=scopes, is_for_all=True)
    guide.client.scope += " orders:read orders:write"
    guide.client.save()
    return guide


def ask(url: str, token: str = "", method: str = "GET") -> Any:
    """Send one request with a token."""
    return Browser().generic(method, url, headers={"Authorization": f"Bearer {token}"} if token else {})


def test_the_page_has_its_code(page: ModuleType) -> None:
    """A page without code would pass every test below."""
    assert len(blocks(PAGE)) >= 4


def test_each_method_has_the_scope_that_the_page_says(page: ModuleType, orders: Guide) -> None:
    """The view's attributes name the scopes."""
    reader = orders.tokens(scope="orders:read", resource=API)["access_token"]
    writer = orders.tokens(scope="orders:read orders:write", resource=API)["access_token"]
    found = [
        ask("/orders/", token, method).status_code for token in (reader, writer) for method in ("GET", "POST", "PUT")
    ]
    assert found == [200, 403, 405, 200, 201, 405]
    assert ask("/orders/", reader).json() == {"user": "alice", "app": "presc_man_123"}


def test_an_action_has_its_own(page: ModuleType, orders: Guide) -> None:
    """The action has its own scope and also needs a recent sign-in, which a plain token does not prove."""
    token = orders.tokens(scope="orders:read orders:write", resource=API)["access_token"]
    answers = [ask("/order-set/", token), ask("/order-set/cancel/", token, "POST")]
    assert [answer.status_code for answer in answers] == [200, 401]
    assert answers[1].json()["error"] == "insufficient_user_authentication"


def test_the_challenge_is_that_of_the_page(page: ModuleType, orders: Guide) -> None:
    """The page shows the challenge word for word."""
    shown = re.search(r"^WWW-Authenticate: (.*?)\n```", PAGE, re.MULTILINE | re.DOTALL)
    assert shown
    assert ask("/orders/")["WWW-Authenticate"] == " ".join(shown[1].split())


def test_ninja_and_asgi_answer_alike(page: ModuleType, orders: Guide) -> None:
    """The page promises the same responses."""
    token = orders.tokens(scope="orders:read", resource=API)["access_token"]
    assert ask("/ninja/orders", token).json() == {"user": "alice"}
    assert ask("/ninja/orders")["WWW-Authenticate"] == ask("/orders/")["WWW-Authenticate"]
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"host", b"testserver"), (b"authorization", f"Bearer {token}".encode())]
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers}
    async_to_sync(page.guarded_reports)(scope, None, send)
    assert sent[-1]["body"] == b"alice"
