"""Recent activity of a user: plain sentences for events of the audit trail, and security messages with an action."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal

from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..models import AuditEvent, Client
from ..models.audit_event import Event, RowFilter

RECENT = 20
READ = 200  # rows of an event that repeats often: several rows become one line
SECURITY_MESSAGE_LIFETIME = timedelta(days=30)
"""How long a security message stands above everything else; later it is a line among the others."""

Action = Literal["", "revoke", "open", "password"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentences:
    """
    Texts for one kind of event.

    Attributes:
        happened: what happened, with `%(app)s` for the app.
        means: the consequence for the user; "" if it is obvious.
        advice: what the user should do; "" for nothing.
        action: the button beside the advice. It is left out if it would lead nowhere.
    """

    happened: str | Promise
    means: str | Promise = ""
    advice: str | Promise = ""
    action: Action = ""


_STOLEN = Sentences(
    happened=gettext_lazy("Someone tried to use a stolen copy of the key that connects %(app)s to your account"),
    means=gettext_lazy("We disconnected it: neither the copy nor the app can use this connection any more."),
    advice=gettext_lazy(
        "If that was not you, for example because you restored the app from a backup, tell the people who run the app. "
        "To go on using it, connect it again."
    ),
    action="open",
)
_SHARED_STILL_OPEN = Sentences(
    happened=gettext_lazy(
        "The key that connects %(app)s to your account was used in two places at once, again and again"
    ),
    means=gettext_lazy("Either the app runs twice, or someone has a copy of the key. The connection still works."),
    advice=gettext_lazy(
        "If you use the app in one place only, revoke its access and connect it again. A copy is worthless then."
    ),
    action="revoke",
)
_SHARED_AND_ENDED = Sentences(
    happened=_SHARED_STILL_OPEN.happened,
    means=gettext_lazy("Someone may have a copy of the key, so we ended the connection. Nobody can use it any more."),
    advice=_STOLEN.advice,
    action="open",
)
# Codes and single renewals mean nothing to users, so they are left out.
SENTENCES: Mapping[Event, Sentences] = MappingProxyType(
    {
        Event.LOGIN_REFUSED: Sentences(
            happened=gettext_lazy("Someone tried to sign in as you and was refused"),
            means=gettext_lazy("They did not get into your account."),
            advice=gettext_lazy("If that was not you, choose a password that you use nowhere else."),
            action="password",
        ),
        Event.CONSENT_GIVEN: Sentences(happened=gettext_lazy("You allowed %(app)s to connect to your account")),
        Event.TOKEN_ISSUED: Sentences(happened=gettext_lazy("%(app)s was connected")),
        Event.TOKEN_REFRESHED: Sentences(happened=gettext_lazy("%(app)s renewed its access")),
        Event.TOKEN_EXCHANGED: Sentences(happened=gettext_lazy("%(app)s got access to act for you")),
        Event.CODE_REPLAYED: _STOLEN,
        Event.DEVICE_APPROVED: Sentences(
            happened=gettext_lazy("You allowed a device to connect to %(app)s"),
            means=gettext_lazy("The device can use everything that you allowed."),
            advice=gettext_lazy("If that was not you, revoke the access of the app and choose a new password."),
            action="revoke",
        ),
        Event.DEVICE_DENIED: Sentences(happened=gettext_lazy("You did not allow a device to connect to %(app)s")),
        Event.DEVICE_CODE_REPLAYED: _STOLEN,
        Event.REFRESH_REPLAYED: _STOLEN,
        Event.REFRESH_SHARED: _SHARED_STILL_OPEN,
        Event.TOKEN_REVOKED: Sentences(happened=gettext_lazy("One connection of %(app)s was ended")),
        Event.APP_DEAUTHORISED: Sentences(happened=gettext_lazy("%(app)s was disconnected")),
        Event.CONNECTION_END_SET: Sentences(happened=gettext_lazy("You chose when %(app)s is disconnected")),
        Event.USER_TOKENS_REVOKED: Sentences(
            happened=gettext_lazy("%(app)s ended all your connections and signed you out everywhere"),
            means=gettext_lazy(
                "It may do so to protect your account. No app can use your account until you connect it again."
            ),
            advice=gettext_lazy("If you did not expect this, choose a new password before you connect apps again."),
            action="password",
        ),
    }
)
SECURITY = frozenset(
    {
        Event.CODE_REPLAYED,
        Event.DEVICE_CODE_REPLAYED,
        Event.REFRESH_REPLAYED,
        Event.REFRESH_SHARED,
        Event.USER_TOKENS_REVOKED,
    }
)
_OFTEN = {Event.LOGIN_REFUSED, Event.TOKEN_REFRESHED, Event.TOKEN_REVOKED}
_TOKEN_HANDED_BACK = (Event.TOKEN_REVOKED, "access_token")
# Names that Django and django-allauth give to the page for a new password.
_PASSWORD_PAGES = ("password_change", "account_change_password")


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """
    A line of the activity, or a security message.

    Attributes:
        app: the name of the app; "" if the app is no longer registered.
        client_id: the app that `revoke` is about; "" unless the action is "revoke".
        href: target of "open" and "password".
    """

    event: Event
    app: str
    address: str
    at: datetime
    times: int = 1
    sentences: Sentences
    action: Action = ""
    client_id: str = ""
    href: str = ""

    @property
    def sentence(self) -> str:
        """Text of the event."""
        if self.app:
            return str(self.sentences.happened % {"app": self.app})
        return capfirst(str(self.sentences.happened % {"app": _("an app that is no longer here")}))

    @property
    def means(self) -> str:
        """The consequence for the user."""
        return str(self.sentences.means)

    @property
    def advice(self) -> str:
        """The recommended action."""
        return str(self.sentences.advice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Everything that a user is shown: recent security messages, and the other lines; the latest first."""

    security: list[Activity]
    others: list[Activity]


def of_user(user_id: Any, *, connected: Collection[str], now: datetime) -> Told:
    """
    Read the events of a user's account, in two statements at most.

    Args:
        connected: client_id of the currently connected apps: only their access can be revoked.
    """
    # The rows of each event are read separately: anyone can cause refused sign-ins for any user, as often as they like,
    # and these must not crowd out important events.
    kinds = [
        RowFilter({"user_id": user_id, "event": event.value}, READ if event in _OFTEN else RECENT)
        for event in SENTENCES
    ]
    # An app that revokes an access token it no longer needs is still connected.
    events = [each for each in AuditEvent.objects.latest_of(kinds) if (each.event, each.reason) != _TOKEN_HANDED_BACK]
    told = sorted(events, key=lambda event: (event.latest_at, event.pk), reverse=True)
    lines: dict[Any, AuditEvent] = {}
    refused: Counter[Any] = Counter()
    for each in told:
        lines.setdefault(_line_of(each), each)
        if each.event == Event.LOGIN_REFUSED:  # other counts mean nothing to users
            refused[_line_of(each)] += each.event_count
    shown = list(lines.values())
    security = [each for each in shown if _is_security_message(each, now=now)]
    others = [each for each in shown if each not in security][:RECENT]
    clients = Client.objects.only("client_id", "name", "client_uri", "is_first_party", "is_checked")
    apps = {
        each.client_id: each for each in clients.filter(client_id__in={each.client_id for each in security + others})
    }

    def line(event: AuditEvent) -> Activity:
        client = apps.get(event.client_id)
        sentences = _sentences_of(event)
        action, href = _action_of(sentences, client, is_connected=event.client_id in connected)
        return Activity(
            event=Event(event.event),
            app=client.name if client else "",
            address=event.address,
            at=event.latest_at,
            times=refused[_line_of(event)] or 1,
            sentences=sentences,
            action=action,
            client_id=event.client_id if action == "revoke" else "",
            href=href,
        )

    return Told(security=[*map(line, security)], others=[*map(line, others)])


def _is_security_message(event: AuditEvent, *, now: datetime) -> bool:
    return event.event in SECURITY and event.latest_at > now - SECURITY_MESSAGE_LIFETIME


def _sentences_of(event: AuditEvent) -> Sentences:
    # Only the reason shows whether the connection ended (OAUTH_SERVICE_END_SHARED_CONNECTIONS).
    if event.event == Event.REFRESH_SHARED and ", and ended" in event.reason:
        return _SHARED_AND_ENDED
    return SENTENCES[Event(event.event)]


def _action_of(sentences: Sentences, client: Client | None, *, is_connected: bool) -> tuple[Action, str]:
    """Return the action that is possible now, and its target."""
    match sentences.action:
        case "revoke" if client and is_connected:
            return "revoke", ""
        # The website of an app that registered itself is unchecked.
        case "open" if client and client.client_uri and client.is_vouched_for:
            return "open", str(client.client_uri)
        case "password" if url := password_page():
            return "password", url
        case _:
            return "", ""


def password_page() -> str:
    """Return the path of the page for a new password; "" if the project has no known one."""
    for name in _PASSWORD_PAGES:
        try:
            return reverse(name)
        except NoReverseMatch:
            continue
    return ""


def _line_of(event: AuditEvent) -> Any:
    """Return a key: events with the same key share a line."""
    day = timezone.localdate(event.latest_at)
    match event.event:
        case Event.LOGIN_REFUSED:
            return event.event, day
        case Event.TOKEN_REFRESHED:
            return event.event, day, event.client_id, event.address
        case Event.CODE_REPLAYED | Event.DEVICE_CODE_REPLAYED | Event.REFRESH_REPLAYED:
            return "replayed", day, event.client_id
        case Event.REFRESH_SHARED:
            return event.event, day, event.client_id
        case _:
            return event.pk
