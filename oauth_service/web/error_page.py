"""Content of the error page: texts for each kind of refusal, a way back to the app, and details for developers."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

from ..protocol import redirect_uri
from ..protocol.errors import (
    InvalidLogoutRequest,
    OAuthError,
    TemporarilyUnavailable,
    UnknownClient,
    UnregisteredRedirect,
)

if TYPE_CHECKING:
    from ..models import Client

MOST_SHOWN = 20  # redirect URIs shown to developers


def context_of(request: HttpRequest, refusal: OAuthError) -> dict[str, Any]:
    """Return the template variables of an error page, except for the reference."""
    match refusal:
        case TemporarilyUnavailable():
            return {
                "title": _("We cannot answer at the moment"),
                "sentence": _(
                    "Something on our side is being restarted. Nothing is lost: please try again in a moment."
                ),
                "advice": _("Reload this page, or start again from the app that you came from."),
            }
        case InvalidLogoutRequest():
            return {
                "title": _("The app could not sign you out"),
                "sentence": _("Its request was invalid, and nothing was done."),
            }
        case UnknownClient():
            return {
                "title": _("We do not know this app"),
                "sentence": _(
                    "The link that brought you here names an app that is not registered here, or that is switched off."
                ),
                "advice": _("Nothing has been shared. If you trust the app, tell the people who run it."),
            }
        case UnregisteredRedirect():
            return _wrong_redirect(request, refusal)
        case _:
            return {
                "title": _("This request cannot be answered"),
                "sentence": _("Something in it was missing or not as it should be. Go back to the app and try again."),
            }


def _wrong_redirect(request: HttpRequest, refusal: UnregisteredRedirect) -> dict[str, Any]:
    from ..models import Client  # a project's wsgi.py imports this module before Django is set up

    client = Client.objects.filter(client_id=refusal.client_id).first()
    # Names and addresses of other clients are unchecked, and a page of this server must not spread them.
    is_vouched_for = bool(client and client.is_vouched_for)
    if client and is_vouched_for and refusal.sent:
        sentence = _(
            "A link in the name of %(app)s asks us to send you to an address that does not belong to the app. "
            "We have not sent you there."
        ) % {"app": client.name}
    elif refusal.sent:
        sentence = _(
            "The link that brought you here asks us to send you to an address that does not belong to the app. "
            "We have not sent you there."
        )
    else:
        sentence = _("The link that brought you here does not say where the app wants you to return to.")
    return {
        "title": _("This app cannot be connected"),
        "sentence": sentence,
        "advice": _("Nothing has been shared. If you came from the app itself, tell the people who run it."),
        "back": _home_of(client) if client and is_vouched_for else "",
        "client": client if is_vouched_for else None,
        "redirect": _compared(refusal) if _is_developer(request) else None,
    }


def _is_developer(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return settings.DEBUG or bool(getattr(user, "is_staff", False))


def _compared(refusal: UnregisteredRedirect) -> dict[str, Any]:
    """Return the URI that was sent and the registered ones, each with its first difference marked."""
    parts = {
        "scheme": _("the scheme"),
        "host": _("the host or port"),
        "path": _("the path"),
        "query": _("the query"),
        "fragment": _("the fragment"),
    }
    nearest = redirect_uri.nearest_first(refusal.sent, refusal.registered)[:MOST_SHOWN]
    if not refusal.sent:
        return {"sent_text": "", "registered_texts": nearest}
    pairs = [pair for uri in nearest if (pair := redirect_uri.compare(refusal.sent, uri))]
    return {
        "sent": pairs[0][0] if pairs else None,
        "sent_text": refusal.sent,
        "registered": [{"uri": theirs, "part": parts[theirs.part]} for _ours, theirs in pairs],
        "registered_texts": nearest,
    }


def _home_of(client: "Client") -> str:
    """Return an app's home page: its website, or the common origin of all its redirect URIs; "" for none."""
    if client.client_uri:
        return str(client.client_uri)
    origins = set()
    for uri in client.redirect_uri_list:
        parts = urlsplit(uri)
        if not redirect_uri.host_of(uri):
            return ""
        origins.add(f"{parts.scheme}://{parts.netloc}/")
    return origins.pop() if len(origins) == 1 else ""
