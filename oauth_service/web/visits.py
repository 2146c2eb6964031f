"""A page for people who open the address of a program endpoint in a browser."""

from django.http import HttpResponse

from ..documentation import address
from .pages import protect_page, render_page


def explain(response: HttpResponse) -> None:
    """Turn the empty 405 response of a program endpoint into a page. Its other headers stay."""
    # Without the request: the endpoints read neither sessions nor cookies.
    page = render_page(None, "program_endpoint", {"documentation": address("endpoints")}, status=405)
    response.content = page.content
    del response["Content-Type"]
    for name, value in page.items():
        response.headers.setdefault(name, value)
    protect_page(response)
