"""Checks of the server's responses."""

import re
from typing import Any

from tests.guide import REDIRECT_URI, query_of

# RFC 6749 sections 4.1.2.1 and 5.2: the characters that error and error_description may have.
DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+")


def refusal_of(response: Any) -> tuple[int, str]:
    """
    Return status and error code of a refusal as JSON.

    Check that it explains the fault in a sentence, in the characters of RFC 6749 section 5.2, and is not cached.
    """
    assert (response["Content-Type"], response["Cache-Control"]) == ("application/json", "private, no-store")
    members = response.json()
    assert set(members) == {"error", "error_description", "reference"}
    assert DESCRIPTION.fullmatch(members["error"])
    assert DESCRIPTION.fullmatch(members["error_description"])
    return response.status_code, members["error"]


def sent_back(response: Any, *, to: str = REDIRECT_URI) -> dict[str, str]:
    """Return the parameters of a redirect to the client (RFC 6749 sections 4.1.2 and 4.1.2.1)."""
    assert response.status_code == 302
    target, _, _ = response["Location"].partition("?")
    assert target == to
    return query_of(response["Location"])


def is_page(response: Any) -> bool:
    """Return whether the user sees an error page with a reference, and the browser is not redirected."""
    is_told = "text/html" in response["Content-Type"] and re.search(rb">\s*[0-9a-f]{12}\s*<", response.content)
    return response.status_code == 400 and bool(is_told) and not response.has_header("Location")
