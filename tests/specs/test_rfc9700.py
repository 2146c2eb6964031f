"""RFC 9700, Best Current Practice for OAuth 2.0 Security: what concerns an authorization server."""

from typing import Any

import pytest
from django.test import Client as Browser

from tests.clauses import clause
from tests.guide import FORM, Guide
from tests.specs.answers import is_page, sent_back

# -- open redirectors ------------------------------------------------------------------------------------------------


def signed_in_then(browser: Browser, response: Any) -> Any:
    """Follow a redirect to the login, sign in as Alice there, and follow the redirect from it."""
    landed = browser.get(response["Location"])
    form = {"username": "alice", "password": "wonderland", "next": landed.context["next"]}
    return browser.get(browser.post("/login/", form)["Location"])


FAULTS = pytest.mark.parametrize(
    ("query", "error"),
    [
        ("response_type=code&scope=everything", "invalid_scope"),
        ("response_type=token", "unsupported_response_type"),
        ("scope=user", "invalid_request"),
        ("response_type=code&scope=user&scope=user", "invalid_request"),
        ("response_type=code&code_challenge=short&code_challenge_method=S256", "invalid_request"),
        ("response_type=code&request=a.b.c", "invalid_request"),
    ],
)
TARGET = "client_id=presc_man_123&redirect_uri=http%3A%2F%2F127.0.0.1%3A5000%2Fcallback&state=xyzABC123&"


@clause("RFC 9700", "4.11.2")
@FAULTS
def test_a_mistaken_request_takes_nobody_anywhere_before_they_signed_in(guide: Guide, query: str, error: str) -> None:
    """
    "The authorization server MUST always authenticate the user first and, with the exception of the silent
    authentication use case, prompt the user for credentials when needed, before redirecting the user."

    Otherwise whoever has registered a client gets links that look like ours and lead to their own page at once.
    """
    response = guide.browser.get(f"/authorise/?{TARGET}{query}")
    assert (response.status_code, response["Location"].partition("?")[0]) == (302, "/login/")
    answer = sent_back(signed_in_then(guide.browser, response))
    assert (answer["error"], answer["state"]) == (error, "xyzABC123")


@clause("RFC 9700", "4.11.2")
@FAULTS
def test_nor_does_one_sent_by_post(guide: Guide, query: str, error: str) -> None:
    """A form on another site is as quickly sent as a link is clicked; without a response_type it is an answer."""
    response = guide.browser.post("/authorise/", TARGET + query, content_type=FORM)
    assert response["Location"].startswith("/login/?next=/authorise/")
    if "response_type" in query:
        assert sent_back(signed_in_then(guide.browser, response))["error"] == error


@clause("RFC 9700", "4.11.2")
def test_a_target_that_is_not_verified_is_told_without_signing_in(guide: Guide) -> None:
    """A page leads nowhere, so nobody has to sign in to read it."""
    assert is_page(guide.browser.get("/authorise/", guide.request(redirect_uri="https://evil.example/")))
