"""Faults that random requests have found, each with a request that shows it."""

import pytest

from tests.fuzz.live import CSRF
from tests.fuzz.site import Site
from tests.guide import FORM, JSON

pytestmark = pytest.mark.walk


@pytest.mark.django_db
@pytest.mark.parametrize("content_type", [FORM, JSON])
@pytest.mark.parametrize("charset", ["hex", "rot13", "base64", "unknown"])
def test_a_charset_that_decodes_no_text_is_refused(content_type: str, charset: str) -> None:
    """Django knows these codecs, failed to decode with them before it reached any view, and answered 500."""
    assert Site().post("/token/", b"{}", CONTENT_TYPE=f"{content_type}; charset={charset}") == 400


@pytest.mark.django_db
def test_a_charset_that_decodes_no_text_does_not_matter_where_no_body_is_read() -> None:
    """A page without a body to read appears anyway."""
    environ = {"REQUEST_METHOD": "GET", "CONTENT_TYPE": "text/html; charset=hex", "QUERY_STRING": "next=%2F"}
    assert Site().post("/login/", b"", **environ) == 200


UNREADABLE = "application/json; charset*=nonsense'en'utf-8"  # RFC 2231, with an encoding that does not exist


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/token/", "/oauth/revoke/", "/authorise/"])
def test_a_content_type_that_cannot_be_read_is_refused(path: str) -> None:
    """Django failed while it made its request object, outside of all error handling."""
    assert Site().post(path, b"{}", CONTENT_TYPE=UNREADABLE) == 400


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/login/", "/healthz/"])
def test_a_content_type_that_cannot_be_read_does_not_matter_where_no_body_is_read(path: str) -> None:
    """The page appears and the probe answers, because neither reads a body."""
    assert Site().post(path, b"", REQUEST_METHOD="GET", CONTENT_TYPE=UNREADABLE) == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/login/", "/logout/", "/oauth/deauthorise/", "/authorise/"])
def test_a_form_in_another_charset_is_answered(path: str) -> None:
    """
    Django refused the form when it looked for the CSRF token, failed again when it rendered that refusal, and answered
    500.
    """
    form = f"csrfmiddlewaretoken={CSRF}".encode()
    environ = {"CONTENT_TYPE": f"{FORM}; charset=latin-1", "HTTP_COOKIE": f"csrftoken={CSRF}"}
    assert Site().post(path, form, **environ) in (200, 302, 400)
