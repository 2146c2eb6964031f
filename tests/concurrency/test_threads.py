"""The tools of these tests: an exception in one thread is not reported to another."""

import threading
from types import ModuleType
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client as Browser
from django.urls import path

from tests.concurrency.threads import PATIENCE_SECONDS, started


@pytest.mark.parametrize("shared", [False, True], ids=["browsers", "tabs"])
def test_a_failure_is_raised_by_the_request_that_failed(settings: Any, shared: bool) -> None:
    """Django's signal reaches every test client, so a test that repeats a request would see the failure of another."""
    arrived, go = threading.Event(), threading.Event()

    def slow(request: HttpRequest) -> HttpResponse:
        arrived.set()
        assert go.wait(PATIENCE_SECONDS)
        return HttpResponse()

    def broken(request: HttpRequest) -> HttpResponse:
        raise ZeroDivisionError

    urls = ModuleType("urls")
    urls.urlpatterns = [path("slow/", slow), path("broken/", broken)]  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = urls
    first = Browser()
    second = first if shared else Browser()
    waiting = started(lambda: first.get("/slow/"))
    assert arrived.wait(PATIENCE_SECONDS)
    with pytest.raises(ZeroDivisionError):
        second.get("/broken/")
    go.set()
    assert waiting.result(PATIENCE_SECONDS).status_code == 200
