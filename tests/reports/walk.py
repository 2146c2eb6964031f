"""
Make every endpoint fail in every function that it runs through, and look for its secrets in all reports.

A separate program, because Sentry's SDK replaces parts of Django for good. It prints the reports and leaks as JSON.
"""

import base64
import io
import json
import logging
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, cast
from urllib.parse import quote, urlencode

import django
import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.scrubber import EventScrubber
from sentry_sdk.transport import Transport

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.reports.settings"
ROOT = Path(__file__).resolve().parents[2]
OURS = str(ROOT / "oauth_service")
# Code that hides secrets cannot hide its own failures; it has tests of its own.
NOT_MADE_TO_FAIL = (f"{OURS}/web/reports.py", f"{OURS}/signals.py")
BENEATH = (
    "/django/contrib/auth/hashers.py",
    "/django/contrib/sessions/backends/base.py",
    "/django/db/backends/utils.py",
    "/json/decoder.py",
    "/psycopg/cursor.py",
    "/urllib/parse.py",
    "/limits/",
)
# Failures beneath these are not reported: an endpoint's entry, and code inside a decorator or `with` of ours.
DOORS = {
    ("programs.py", "answer"),
    ("pages.py", "decide"),
    ("pages.py", "page_or_refusal"),
    ("protect.py", "_admit"),
    ("metrics.py", "metrics"),
    ("contextlib.py", "inner"),
}
AROUND = ("/django/middleware/", "/django/contrib/sessions/middleware.py", "/django/contrib/auth/middleware.py")
FORM = "application/x-www-form-urlencoded"
VERIFIER = "verifier-" + "v" * 40
PASSWORD = "password-of-alice-in-wonderland"
SECRET = "client-secret-that-a-person-chose"
MADE = "client-secret-that-the-server-made-43-characters"
USERNAME = "hunter2-in-the-wrong-field"
TYPED = "hunter2-in-the-client-id-of-a-url"

sent: list[dict[str, Any]] = []


class Kept(Transport):
    """Sentry's transport, which keeps events instead of sending them."""

    def capture_envelope(self, envelope: Envelope) -> None:
        """Keep what would be sent."""
        for item in envelope.items:
            if item.payload.json is not None:
                sent.append(item.payload.json)  # noqa: PERF401 - payload.json is made anew at each look


class Forced(Exception):
    """An unforeseen failure."""


@dataclass
class Message:
    """A request, and the secrets in it."""

    method: str
    path: str
    form: dict[str, str] = field(default_factory=dict)
    as_json: bool = False
    authorization: str = ""
    cookies: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)
    not_sentrys: set[str] = field(default_factory=set)
    is_meant: bool = True

    def environ(self) -> dict[str, Any]:
        """The WSGI environ."""
        text = json.dumps(self.form) if self.as_json else urlencode(self.form)
        headers = {"Authorization": self.authorization} if self.authorization else {}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        url = f"{self.path}?{urlencode(self.query)}" if self.query else self.path
        kind = "application/json" if self.as_json else FORM
        return RequestFactory().generic(self.method, url, text, content_type=kind, headers=headers).environ


class Tracer:
    """Records every function that is called, or raises at the first call of one."""

    def __init__(self, where: Callable[[str, FrameType], bool], at: tuple[str, str] | None = None, failure: Any = None):
        self.where, self.at, self.failure, self.seen = where, at, failure, dict[tuple[str, str], None]()

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and self.where(code.co_filename, frame):
            key = (code.co_filename, code.co_qualname)
            if key == self.at:
                self.at = None
                raise self.failure
            self.seen[key] = None


def inside(name: str, frame: FrameType) -> bool:
    """True for our functions, and for those of other packages that they call."""
    if (
        name in NOT_MADE_TO_FAIL
        or "/watch/" in name
        or not (name.startswith(OURS) or any(each in name for each in BENEATH))
    ):
        return False
    above = frame.f_back
    while above is not None:
        if (above.f_code.co_filename.rpartition("/")[2], above.f_code.co_name) in DOORS:
            return True
        above = above.f_back
    return False


def around(name: str, frame: FrameType) -> bool:
    """True for middleware, before and after our endpoints."""
    return any(each in name for each in AROUND)


def answer(environ: dict[str, Any], tracer: Tracer) -> int:
    """Let the site answer under a tracer; return the status, or 0 if there was none."""
    status: list[int] = []

    def start_response(line: str, headers: object, failure: object = None) -> None:
        status.append(int(line.split()[0]))

    sys.settrace(tracer)
    try:
        response = APPLICATION(environ, start_response)
    except Forced:
        return 0
    finally:
        sys.settrace(None)
    pages.append(b"".join(response).decode(errors="replace"))
    response.close()
    return status[0]


def messages() -> Iterator[Callable[[], Message]]:
    """Every request, created again for each attempt."""
    yield lambda: program("/token/", {"grant_type": "authorization_code", "code": new_code(), **REST, **IN_BODY})
    yield lambda: program("/token/", {"grant_type": "authorization_code", "code": new_code(), **REST}, basic=True)
    yield lambda: program(
        "/token/", {"grant_type": "refresh_token", "refresh_token": new_tokens()[1], **IN_BODY}, json=True
    )
    yield lambda: program("/oauth/revoke/", {"token": new_tokens()[1], **IN_BODY})
    yield lambda: program("/oauth/revoke/", {"token": new_tokens()[1], **MACS.proof()})
    yield lambda: program("/token/", {"grant_type": "authorization_code", "code": new_code(), "client_id": USERNAME})
    yield lambda: bearer("GET", "/userinfo/")
    if not WITH_HOOK:  # a URL of the host's own
        yield lambda: bearer("GET", "/guarded/")
    yield lambda: person("GET", "/authorise/", query=REQUEST)
    for query in ({"client_id": TYPED}, {"next": f"/authorise/?client_id={TYPED}"}):
        for path in ("/authorise/", "/login/", "/logout/", "/manage-apps/"):
            yield partial(in_url, path, query)
    yield lambda: person("POST", "/authorise/", {k: v for k, v in REQUEST.items() if k != "response_type"})
    yield lambda: person("POST", "/login/", {"username": USERNAME, "password": PASSWORD}, signed_in=False)
    yield lambda: person("POST", "/admin/login/", {"username": USERNAME, "password": PASSWORD}, signed_in=False)
    yield lambda: person("POST", f"/admin/oauth_service/client/{CLIENT.pk}/secret/rotate/")
    yield lambda: person("POST", "/oauth/deauthorise/", {"client_id": "app"})
    for path in PATHS:
        for method in ("GET", "POST"):
            yield partial(everything, method, path)


def program(path: str, form: dict[str, str], *, basic: bool = False, json: bool = False) -> Message:
    """A request of a client."""
    proof = "Basic " + base64.b64encode(f"app:{SECRET}".encode()).decode()
    message = Message("POST", path, form, as_json=json, authorization=proof if basic else "")
    message.secrets = {SECRET, MADE, USERNAME, *proof.split()[1:]} | {form[name] for name in SECRET_NAMES & form.keys()}
    return message


def bearer(method: str, path: str) -> Message:
    """A request with an access token."""
    token = new_tokens()[0]
    return Message(method, path, authorization=f"Bearer {token}", secrets={token})


def person(
    method: str, path: str, form: dict[str, str] | None = None, *, query: Any = None, signed_in: bool = True
) -> Message:
    """A request of a browser."""
    cookies = {"sessionid": new_session(), "csrftoken": CSRF} if signed_in else {"csrftoken": CSRF}
    form = {"csrfmiddlewaretoken": CSRF, **(form or {})} if method == "POST" else {}
    secrets = {PASSWORD, MADE, USERNAME, cookies.get("sessionid", PASSWORD)}
    message = Message(method, path, form, cookies=cookies, query=query or {}, secrets=secrets)
    message.not_sentrys = set() if path.startswith("/admin/oauth") else {CSRF}  # the admin's own forms are Django's
    return message


def in_url(path: str, query: dict[str, str]) -> Message:
    """A page whose URL has a user's input as its client_id."""
    message = person("GET", path, query=REQUEST | query)
    message.not_sentrys |= {TYPED}
    return message


def everything(method: str, path: str) -> Message:
    """A request with every secret in every place that may hold one, even if no code reads it."""
    access, _refresh = new_tokens()
    form = {name: f"{name}-in-the-body-{uuid.uuid4().hex}" for name in SECRET_NAMES} | {
        "client_id": "app",
        "username": USERNAME,
    }
    query = {name: f"{name}-in-the-url-{uuid.uuid4().hex}" for name in SECRET_NAMES}
    cookies = {"sessionid": new_session(), "csrftoken": CSRF}
    message = Message(method, path, form, False, f"Bearer {access}", cookies, query)
    message.secrets = {access, USERNAME, cookies["sessionid"], *(form[name] for name in SECRET_NAMES)}
    message.not_sentrys, message.is_meant = {CSRF, *query.values()}, False
    return message


def made(*, is_mac_key: bool = False) -> str:
    """The secret that the server makes, fixed so that it is recognised."""
    return MADE


def spellings(secret: str) -> set[str]:
    """Spellings of a secret in a text."""
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}


def without_ours(event: Any) -> Any:
    """A Sentry event without the frames of these tests."""
    for kind in ("exception", "threads"):
        for value in (event.get(kind) or {}).get("values", ()):
            for frame in (value.get("stacktrace") or {}).get("frames", ()):
                if any(each in str(frame.get("abs_path")) for each in (str(ROOT / "tests"), "/django/test/")):
                    frame.pop("vars", None)
    return event


def try_all(where: Callable[[str, FrameType], bool]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Fail every request everywhere; yield the reports by reporter."""
    done: set[Any] = set()
    for make in messages():
        first, message = Tracer(where), make()
        # Secrets in the trace of a request that did not fail.
        found = list(leaks_of(message, first, "nowhere"))
        yield from found if message.is_meant and not WITH_HOOK else ()
        for key in first.seen:
            # Once for all endpoints: failures in the same function take the same path.
            part = key if EACH == "function" or WITH_HOOK else key[0]
            if part in done:
                continue
            done.add(part)
            place = f"{key[0].removeprefix(str(ROOT))}:{key[1]}"
            for failure in (Forced("forced"), *([OperationalError("away")] if "/db/" in key[0] else [])):
                yield from leaks_of(make(), Tracer(where, key, failure), place)
                counts["failures"] = counts.get("failures", 0) + 1


def leaks_of(message: Message, tracer: Tracer, place: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Send a request, and look for its secrets in the reports."""
    for each in (sent, mail.outbox, pages):
        each.clear()
    log.truncate(0)
    log.seek(0)
    status = answer(message.environ(), tracer)
    reports = {
        "mail": "\n".join(
            str(each.message()) + str(getattr(each, "alternatives", "")) + each.body for each in mail.outbox
        ),
        "sentry": "\n".join(json.dumps(without_ours(each), default=str) for each in sent),
        "log": log.getvalue(),
        "page": "\n".join(pages) if DEBUG and status == 500 else "",
    }
    # Sentry copies the URL and the headers before our code sees them; before_send() removes them.
    secrets = dict.fromkeys(reports, message.secrets | message.not_sentrys | kept())
    secrets["sentry"] -= set() if WITH_HOOK else message.not_sentrys
    for by, text in reports.items():
        counts[by] = counts.get(by, 0) + bool(text)
    found = {
        by: each for by in reports for each in secrets[by] if any(spelt in reports[by] for spelt in spellings(each))
    }
    if found:
        yield f"{message.method} {message.path}", place, found


def kept() -> set[str]:
    """Secrets in the rows: every secret column."""
    columns = [
        (model, field.name)
        for model in apps.get_app_config("oauth_service").get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, SecretColumn)
    ]
    values = [
        value for model, name in columns for value in model._default_manager.values_list(name, flat=True) if value
    ]
    texts = {value for value in values if isinstance(value, str)} | {User.objects.get().password}
    rows = [bytes(value) for value in values if not isinstance(value, str)]
    return texts | {spelt for row in rows for spelt in (row.hex(), base64.b64encode(row).decode(), str(row)[2:-1])}


def new_code() -> str:
    """A code that can be redeemed."""
    from oauth_service.protocol.sealed import AuthorizationCode as Code
    from oauth_service.protocol.sealed import seal

    AuthorizationCode.objects.all().delete()
    code_id, secret = AuthorizationCode.objects.give(
        consent_id=consent().pk,
        scope="user profile",
        redirect_uri=REDIRECT_URI,
        code_challenge=challenge_of(VERIFIER),
        expires_at=timezone.now() + timedelta(minutes=1),
    )
    return seal(Code(code_id=code_id), conf.token_keys()[0], secret)


def new_tokens() -> tuple[str, str]:
    """A valid access token and a valid refresh token."""
    Grant.objects.all().delete()
    now = timezone.now()
    ends = now + timedelta(days=1)
    grant = Grant.objects.create(
        consent=consent(), scope="user profile", created_at=now, refreshed_at=now, expires_at=ends, purge_at=ends
    )
    row = Grant.objects.row(grant.pk)
    assert row
    made = issue.tokens(row, row.client, generation=0, scope="user profile", ends_at=ends, issuer="", now=now)
    return made.access_token.reveal(), made.refresh_token.reveal()


def consent() -> Any:
    """Alice's consent."""
    return Consent.objects.give(user_id=ALICE.pk, client_pk=CLIENT.pk, scope="user profile", now=timezone.now())


def new_session() -> str:
    """Cookie of Alice's browser, signed in."""
    Session.objects.all().delete()
    browser = Browser()
    browser.force_login(ALICE)
    return browser.cookies["sessionid"].value


DEBUG = os.environ.get("REPORTS_DEBUG") == "1"
EACH = os.environ.get("REPORTS_EACH", "file")
WITH_HOOK = os.environ.get("REPORTS_HOOK") == "1"
if __name__ == "__main__":
    from oauth_service.web import reports

    sentry_sdk.init(
        dsn="http://key@127.0.0.1:9/1",
        transport=Kept,
        send_default_pii=WITH_HOOK,  # otherwise it keeps a copy of the headers from before our code sees the request
        max_request_body_size="always",
        attach_stacktrace=True,
        add_full_stack=WITH_HOOK,
        event_scrubber=EventScrubber(denylist=[], pii_denylist=[]),
        traces_sample_rate=1.0,
        before_send=cast("Any", reports.before_send if WITH_HOOK else None),
        before_send_transaction=cast("Any", reports.before_send if WITH_HOOK else None),
    )
    django.setup()
    from django.apps import apps
    from django.contrib.auth.models import User
    from django.contrib.sessions.models import Session
    from django.core import mail
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application
    from django.db import OperationalError
    from django.test import Client as Browser
    from django.test import RequestFactory
    from django.utils import timezone
    from django.utils.log import AdminEmailHandler

    from oauth_service import conf, urls
    from oauth_service.clients import authentication
    from oauth_service.models import AuthorizationCode, Client, Consent, Grant, Once
    from oauth_service.models.secret_columns import SecretColumn
    from oauth_service.protocol import client_authentication
    from oauth_service.protocol.parameters import NEVER_IN_A_QUERY as SECRET_NAMES
    from oauth_service.protocol.pkce import challenge_of
    from oauth_service.tokens import issue
    from oauth_service.watch import audit
    from tests.assertions import Signer

    call_command("migrate", verbosity=0)
    mail.outbox = []
    pages: list[str] = []
    counts: dict[str, int] = {}
    log = io.StringIO()
    logging.getLogger().addHandler(logging.StreamHandler(log))
    for name in ("django", "oauth_service"):
        by_mail = AdminEmailHandler(include_html=True)
        by_mail.setLevel(logging.ERROR)
        logging.getLogger(name).handlers = [by_mail]
        logging.getLogger(name).setLevel(logging.INFO)
        logging.getLogger(name).propagate = True
    audit._Trail.start = lambda self: None  # type: ignore[method-assign]
    authentication._remember = lambda digest: None
    client_authentication.new_secret = made
    CSRF = "c" * 16 + uuid.uuid4().hex[:16]
    REDIRECT_URI = "https://app.example.com/callback"
    ALICE = User.objects.create_superuser("alice", "alice@example.com", PASSWORD)
    CLIENT = Client(client_id="app", name="App", redirect_uris=REDIRECT_URI)
    CLIENT.choose_secret(SECRET)
    CLIENT.save()
    BY_MACS = Client(client_id="macs", name="Macs", redirect_uris=REDIRECT_URI)
    MACS = Signer.by_secret(BY_MACS)
    IN_BODY = {"client_id": "app", "client_secret": SECRET}
    REST = {"redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER}
    REQUEST = {
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": REDIRECT_URI,
        "scope": "user",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }
    PATHS = sorted(
        {f"/{pattern.pattern}" for pattern in urls.urlpatterns if "<" not in str(pattern.pattern) and pattern.name}
    )
    APPLICATION: Any = get_wsgi_application()
    leaks = [[*each] for each in try_all(around if WITH_HOOK else inside)]
    assert Once.objects.exists(), "no assertion was taken: nothing was seen of what comes after"
    print(json.dumps({"leaks": leaks, "counts": counts}))  # noqa: T201
