"""Redirects: back to a client at its verified address, and on to our own pages."""

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.encoding import iri_to_uri

from ..protocol.errors import OAuthError
from ..protocol.reply_to import ReplyTo
from .pages import KEEPS_OPENER, PAGE_HEADERS, protect_page, render_page, source_of
from .programs import ProgramResponse
from .refusals import log_refusal

LONGEST_REDIRECT = 16_384  # characters; Django's own redirects may be as long, since 5.2.9


# The one script of this server. Without scripts the page has a button.
_SUBMIT = "document.forms[0].submit()"


def answer_with_code(reply_to: ReplyTo, code: str) -> HttpResponse:
    """Send the browser back to the client with a code (RFC 6749 section 4.1.2)."""
    return _to_client(reply_to, reply_to.members_with_code(code))


def respond_with_code(reply_to: ReplyTo, code: str) -> ProgramResponse:
    """The same, with the headers of a page, for a way in beside Django's handler."""
    content_type = f"text/html; charset={settings.DEFAULT_CHARSET}"
    headers = (("Content-Type", content_type), ("Location", iri_to_uri(reply_to.with_code(code))))
    return ProgramResponse(302, headers=(*headers, ("Vary", "Cookie"), *PAGE_HEADERS, KEEPS_OPENER))


def answer_with_error(request: HttpRequest, reply_to: ReplyTo, refusal: OAuthError) -> HttpResponse:
    """Send the browser back to the client with a refusal (RFC 6749 section 4.1.2.1), and log its exact reason."""
    log_refusal(request.path, refusal)
    return _to_client(reply_to, reply_to.members_with_error(refusal))


def _to_client(reply_to: ReplyTo, members: dict[str, str]) -> HttpResponse:
    if reply_to.response_mode == "form_post":
        return _by_form_post(reply_to, members)
    return to_verified(reply_to.url_with(members))


def _by_form_post(reply_to: ReplyTo, members: dict[str, str]) -> HttpResponse:
    """A page whose form sends the answer to the client (OAuth 2.0 Form Post Response Mode section 2)."""
    context = {"action": reply_to.uri, "members": list(members.items()), "script": _SUBMIT, "host": reply_to.host}
    response = render_page(None, "form_post", context)
    # No form-action: browsers hold it against every redirect that follows, and where the client goes on is its own business.
    # The form is ours, its target was verified, and no other script runs.
    response.headers["Referrer-Policy"] = "no-referrer"
    protect_page(response, leads_on=True, keeps_opener=True, script=source_of(_SUBMIT))
    return response


def to_verified(url: str) -> HttpResponse:
    """Send the browser to an address that a client has registered, character by character."""
    # Django's own class would look for a scheme it knows. This one is whatever was registered and compared, a native app's own
    # included (RFC 8252 section 7.1).
    return HttpResponse(status=302, headers={"Location": iri_to_uri(url)})


def to_sign_in(request: HttpRequest, onward: str, page: str = "", *, fresh: bool = False) -> HttpResponse:
    """
    Send a person to where they sign in, which sends them on afterwards. Every page of ours that needs somebody uses it.

    Args:
        onward: path and query on this server.
        page: URL or URL name; LOGIN_URL unless it is another.
        fresh: our own login page lets somebody who is signed in pass, unless it is told not to.
    """
    page = resolve_url(page or settings.LOGIN_URL)
    scheme, host = urlsplit(page)[:2]
    # As Django's login_required has it: a page on another host would take a path for one of its own.
    if (scheme and scheme != request.scheme) or (host and host != request.get_host()):
        onward = request.build_absolute_uri(onward)
    if fresh:
        parts = urlsplit(page)
        page = parts._replace(query="&".join(filter(None, (parts.query, "reauthenticate=1")))).geturl()
    return redirect_to_login(onward, page)


def points_to_itself(request: HttpRequest, url: str) -> bool:
    """Tell whether a URL leads to the very page it was sent to, with or without the slash; going there never ends."""
    return urlsplit(url).path.rstrip("/") == request.path.rstrip("/")


def in_plain_characters(url: str) -> str:
    """
    A URL, or "" if it has a tab, line end or other control character in it.

    Django holds it against our host without them, and browsers go to it without them, but only browsers take three slashes that
    are left then for another site.
    """
    return url if url.isprintable() else ""


def pending_authorization_url(request: HttpRequest) -> str:
    """
    The authorization request in `next` that waits for somebody to sign in, or to sign in as somebody else; "" for none.

    Django forgets an address longer than 2048 characters, and with it a request whose state is long. A URL that starts as the
    authorization endpoint's cannot lead off this server, however long it is. A URL longer than LONGEST_REDIRECT is given up.
    """
    wanted: str = request.POST.get("next", request.GET.get("next", ""))
    path = reverse("oauth_service:authorise").rstrip("/")
    # Django counts the characters of the Location header, where each that is not ASCII has become several.
    if wanted.partition("?")[0].rstrip("/") != path or len(iri_to_uri(wanted)) > LONGEST_REDIRECT:
        return ""
    return wanted
