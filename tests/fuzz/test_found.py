"""What random requests have found, each as a request of its own."""

import pytest

from tests.fuzz.live import CSRF
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


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/login/", "/logout/", "/oauth/deauthorise/", "/authorise/"])
def test_a_form_in_another_charset_is_answered(path: str) -> None:
    """Django refuses it where it looks for the CSRF token, then again where it renders that refusal: it was a 500."""
    form = f"csrfmiddlewaretoken={CSRF}".encode()
    environ = {"CONTENT_TYPE": f"{FORM}; charset=latin-1", "HTTP_COOKIE": f"csrftoken={CSRF}"}
    assert Site().post(path, form, **environ) in (200, 302, 400)
