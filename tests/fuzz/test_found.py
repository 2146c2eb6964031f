"""What random requests have found, each as a request of its own."""

import pytest

from tests.fuzz.site import Site
from tests.guide import FORM, JSON


@pytest.mark.django_db
@pytest.mark.parametrize("content_type", [FORM, JSON])
@pytest.mark.parametrize("charset", ["hex", "rot13", "base64", "unknown"])
def test_a_charset_that_decodes_no_text_is_refused(content_type: str, charset: str) -> None:
    """Django knows the codec, fails to decode with it before any view is reached, and answered with a 500."""
    assert Site().post("/token/", b"{}", CONTENT_TYPE=f"{content_type}; charset={charset}") == 400


@pytest.mark.django_db
def test_a_charset_that_decodes_no_text_does_not_matter_where_no_body_is_read() -> None:
    """A page for people is shown nevertheless."""
    environ = {"REQUEST_METHOD": "GET", "CONTENT_TYPE": "text/html; charset=hex", "QUERY_STRING": "next=%2F"}
    assert Site().post("/login/", b"", **environ) == 200
