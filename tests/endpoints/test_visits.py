"""A person who opens the address of a program endpoint sees a page; programs get the empty 405 as before."""

from typing import Any

import pytest
from django.test import Client as Browser

from oauth_service import documentation
from tests.endpoints.page import Page
from tests.entry import Program
from tests.guide import JSON

ENTRIES = {"through Django": Browser, "directly": Program}
PATHS = ["/token/", "/oauth/revoke/"]
# As Firefox sends it.
OF_A_BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("path", PATHS)
def test_a_person_reads_what_the_address_is_for(db: None, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser shows nothing for an empty response: it looked like a broken site."""
    monkeypatch.setattr(documentation, "_site", lambda: "https://docs.example")
    response = Browser().get(path, headers={"Accept": OF_A_BROWSER})
    page = Page(response)
    assert (response.status_code, response["Allow"]) == (405, "POST, OPTIONS")
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert "This address is for apps" in page.text
    assert page.links["documentation of this address"] == "https://docs.example/endpoints.html"
    assert page.links["description of all endpoints (OpenAPI)"] == "/openapi.json"
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]


def test_documentation_that_is_not_published_is_not_linked(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link without an address would lead back to this page."""
    monkeypatch.setattr(documentation, "_site", lambda: "")
    page = Page(Browser().get("/token/", headers={"Accept": OF_A_BROWSER}))
    assert "documentation of this address" not in page.text


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("accept", [None, "*/*", "application/json"])
def test_programs_get_the_same_bytes_as_before(db: None, entry: str, accept: str | None) -> None:
    """The values are those of a release without the page. "*/*" is what curl and most HTTP libraries send."""
    headers: Any = {"Accept": accept} if accept else {}
    response = ENTRIES[entry]().get("/token/", headers=headers)
    sent = {name: value for name, value in response.items() if not name.startswith(("Cross-", "Referrer-", "X-Frame"))}
    assert (response.status_code, response.content) == (405, b"")
    assert {name: value for name, value in sent.items() if name != "Content-Length"} == {
        "Allow": "POST, OPTIONS",
        "Content-Type": JSON,
        "X-Content-Type-Options": "nosniff",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "POST, OPTIONS",
        "Access-Control-Expose-Headers": "WWW-Authenticate, Retry-After",
        "Cache-Control": "private, no-store",
        "Pragma": "no-cache",
        "Vary": "Authorization",
    }


def test_the_direct_way_leaves_the_page_to_django(db: None) -> None:
    """The page is in the language of the person, which Django's middleware finds."""
    response = Program().get("/token/", headers={"Accept": OF_A_BROWSER})
    assert "This address is for apps" in Page(response).text


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_post_that_accepts_html_is_answered_in_json(db: None, entry: str) -> None:
    """Some HTTP clients send a browser's Accept header with every request."""
    response = ENTRIES[entry]().post("/token/", headers={"Accept": OF_A_BROWSER})
    assert (response.status_code, response["Content-Type"]) == (400, JSON)
