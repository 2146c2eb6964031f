"""Redirects: back to a client at its verified address, and to our own pages."""

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

LONGEST_REDIRECT = 16_384  # characters; Django's own redirects may have the same length since 5.2.9


# The only script of these pages; without scripts the page has a button.
_SUBMIT = "document.forms[0].submit()"


def answer_with_code(reply_to: ReplyTo, code: str) -> HttpResponse:
    """Send the browser back to the client with a code (RFC 6749 section 4.1.2)."""
    return _to_client(reply_to, reply_to.members_with_code(code))


def respond_with_code(reply_to: ReplyTo, code: str) -> ProgramResponse:
    """The same redirect with the headers of a page, for oauth_service.wsgi."""
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
    """A page whose form sends the response to the client (OAuth 2.0 Form Post Response Mode section 2)."""
    context = {"action": reply_to.uri, "members": list(members.items()), "script": _SUBMIT, "host": reply_to.host}
    response = render_page(None, "form_post", context)
    # No form-action: browsers apply it to all following redirects, which only the client knows. The form is ours, its
    # target was verified, and no other script runs.
    response.headers["Referrer-Policy"] = "no-referrer"
    protect_page(response, leads_on=True, keeps_opener=True, script=source_of(_SUBMIT))
    return response


def to_verified(url: str) -> HttpResponse:
    """Redirect the browser to an address that a client has registered, character by character."""
    # Django's own class only accepts known schemes. This scheme was registered and compared, and may be a native app's
    # own (RFC 8252 section 7.1).
    return HttpResponse(status=302, headers={"Location": iri_to_uri(url)})


def to_sign_in(request: HttpRequest, onward: str, page: str = "", *, fresh: bool = False) -> HttpResponse:
    """
    Redirect a user to the sign-in page, and from there to another page. All our pages that need a signed-in user use
    this.

    Args:
        onward: path and query on this server.
        page: URL or URL name of the sign-in page, if it is not LOGIN_URL.
        fresh: ask a signed-in user again; otherwise our own login page lets them pass.
    """
    page = resolve_url(page or settings.LOGIN_URL)
    scheme, host = urlsplit(page)[:2]
    # Like Django's login_required: a page on another host would take a path for one of its own.
    if (scheme and scheme != request.scheme) or (host and host != request.get_host()):
        onward = request.build_absolute_uri(onward)
    if fresh:
        parts = urlsplit(page)
        page = parts._replace(query="&".join(filter(None, (parts.query, "reauthenticate=1")))).geturl()
    return redirect_to_login(onward, page)


def points_to_itself(request: HttpRequest, url: str) -> bool:
    """
    Return whether a URL leads back to the requested page, with or without the slash, which would be an endless loop.
    """
    return urlsplit(url).path.rstrip("/") == request.path.rstrip("/")


def printable_or_empty(url: str) -> str:
    """
    Return a URL, or "" if it contains a tab, line end or other control character.

    Django and browsers both ignore these characters. But only browsers then treat a URL that is left with three slashes
    as
    another site.
    """
    return url if url.isprintable() else ""


def pending_authorization_url(request: HttpRequest) -> str:
    """
    Return the authorization request in `next` that waits for a sign-in, or a sign-in as another user; "" for none.

    Django drops an address of more than 2048 characters, and so a request with a long state. A URL that begins with the
    path of
    the authorization endpoint cannot leave this server, however long it is. URLs longer than LONGEST_REDIRECT are
    dropped.
    """
    wanted: str = request.POST.get("next", request.GET.get("next", ""))
    path = reverse("oauth_service:authorise").rstrip("/")
    # Django counts the characters of the Location header, where each that is not ASCII has become several.
    if wanted.partition("?")[0].rstrip("/") != path or len(iri_to_uri(wanted)) > LONGEST_REDIRECT:
        return ""
    return wanted
