"""What the server answered, taken apart."""

import re
from typing import Any

from tests.guide import REDIRECT_URI, query_of

# RFC 6749 sections 4.1.2.1 and 5.2: what error and error_description may hold.
DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+")


def refusal_of(response: Any) -> tuple[int, str]:
    """
    Status and error code of a refusal as JSON.

    Every one of them says in a sentence what is wrong, in the characters of RFC 6749 section 5.2, and is not cached.
    """
    assert (response["Content-Type"], response["Cache-Control"]) == ("application/json", "private, no-store")
    members = response.json()
    assert set(members) == {"error", "error_description", "reference"}
    assert DESCRIPTION.fullmatch(members["error"])
    assert DESCRIPTION.fullmatch(members["error_description"])
    return response.status_code, members["error"]


def sent_back(response: Any, *, to: str = REDIRECT_URI) -> dict[str, str]:
    """What a redirect to the client carries (RFC 6749 sections 4.1.2 and 4.1.2.1)."""
    assert response.status_code == 302
    target, _, _ = response["Location"].partition("?")
    assert target == to
    return query_of(response["Location"])


def is_page(response: Any) -> bool:
    """Whether the person is told, on a page with a reference, and the browser goes nowhere."""
    is_told = "text/html" in response["Content-Type"] and re.search(rb">\s*[0-9a-f]{12}\s*<", response.content)
    return response.status_code == 400 and bool(is_told) and not response.has_header("Location")
