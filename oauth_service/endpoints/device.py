"""GET, POST /device/ -- the page for connecting a device (RFC 8628 section 3.3)."""

from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_protect, requires_csrf_token

from .. import conf
from ..authorization import device as devices
from ..authorization.device import Wanted
from ..authorization.shown import Question, context_of
from ..models import Consent, DeviceCode
from ..people import authentication
from ..protocol import device_code, scope_choice
from ..protocol.errors import TooManyFailures
from ..web import ended_sessions
from ..web.ended_sessions import SessionEnded
from ..web.pages import page_endpoint, protect_page, render_page
from ..web.redirects import to_sign_in
from ..web.refusals import log_refusal
from ..web.requests import ProgramRequest, body_parameters, query_parameters


@requires_csrf_token
@page_endpoint("GET", "POST")
def device(request: HttpRequest) -> HttpResponse:
    """
    Ask for the code that a device shows, then whether it may be connected; 404 if device authorization is off.

    A code in the URL (verification_uri_complete) is shown for comparison. It is looked up only after the user confirms
    that it is the same (section 3.3.1). So opening a link neither guesses a code nor decides anything.
    """
    if not conf.DEVICE_AUTHORIZATION():
        return render_page(request, "missing", {}, status=404)
    is_answer = request.method == "POST"
    parameters = body_parameters(ProgramRequest.of(request)) if is_answer else query_parameters(request)
    typed = parameters.get("user_code")
    user_code = device_code.read_user_code(typed)
    if not request.user.is_authenticated:
        return to_sign_in(request, _here(request, typed[: device_code.LONGEST_TYPED]))
    if not user_code:
        return _entry_page(request, typed, is_wrong=is_answer or bool(typed))
    if not is_answer:
        return render_page(
            request, "device_compare", {"user_code": device_code.format_user_code(user_code), "action": request.path}
        )
    decision = next((each for each in ("deny", "allow") if each in parameters), "")
    shown = Shown(
        scope=parameters.get("scope"),
        resources=parameters.get_all("resource"),
        ticked=scope_choice.ticked_scopes(parameters),
    )
    return _answer(request, user_code, decision=decision, shown=shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """
    The contents of the page that the user answered, and which of its boxes are ticked; None for a page without boxes.
    """

    scope: str
    resources: tuple[str, ...]
    ticked: frozenset[str] | None

    @property
    def allowed(self) -> str:
        """The scope that the user allowed; "" for none."""
        return scope_choice.granted(self.scope, self.ticked, required=conf.REQUIRED_SCOPES())


@csrf_protect  # not left to the project's middleware: an attacker who starts a device knows its code
def _answer(request: HttpRequest, user_code: str, *, decision: str, shown: Shown) -> HttpResponse:
    now, user_id = timezone.now(), request.user.pk
    try:
        code = devices.find(user_code, user_id=user_id, now=now)
    except TooManyFailures as refusal:
        return _throttled_page(request, refusal)
    if code is None:
        return _entry_page(request, device_code.format_user_code(user_code), is_wrong=True)
    if decision == "deny":
        return _result_page(request, code, "denied" if devices.deny(code, user_id=user_id, now=now) else "late")
    event, wanted = authentication.event_of(request), devices.wanted_by(code)
    if devices.needs_new_sign_in(code, wanted, event, now=now):
        return to_sign_in(request, _here(request, user_code), fresh=True)
    if decision == "allow" and wanted.scope and shown.ticked is not None and not shown.allowed:
        return _consent_page(request, code, wanted, user_code, ticked=frozenset())
    if decision == "allow":
        hold = partial(ended_sessions.hold, request)
        try:
            done = devices.approve(
                code,
                wanted,
                user_id=user_id,
                event=event,
                scope=shown.allowed,
                resources=shown.resources,
                hold=hold,
                now=now,
            )
        except SessionEnded:
            ended_sessions.leave_ended(request)
            return to_sign_in(request, _here(request, user_code))
        return _result_page(request, code, "approved" if done else "late")
    if not wanted.scope:  # it was taken from the client after the device asked
        return _result_page(request, code, "late")
    return _consent_page(request, code, wanted, user_code)


def _here(request: HttpRequest, user_code: str) -> str:
    return f"{request.path}?{urlencode({'user_code': user_code})}" if user_code else request.path


# -- pages -----------------------------------------------------------------------------------------------------------


def _entry_page(request: HttpRequest, typed: str, *, is_wrong: bool) -> HttpResponse:
    context = {"typed": typed[: device_code.LONGEST_TYPED], "is_wrong": is_wrong, "action": request.path}
    return render_page(request, "device", context)


def _throttled_page(request: HttpRequest, refusal: TooManyFailures) -> HttpResponse:
    log_refusal(request.path, refusal)
    context = {"minutes": -(-refusal.retry_after // 60), "action": request.path}
    response = render_page(request, "device_throttled", context, status=refusal.status)
    response["Retry-After"] = str(refusal.retry_after)
    return response


def _consent_page(
    request: HttpRequest, code: DeviceCode, wanted: Wanted, user_code: str, *, ticked: frozenset[str] | None = None
) -> HttpResponse:
    scope, resources = wanted.scope, wanted.resources
    scope_before, resources_before = Consent.objects.allowed_before(
        user_id=request.user.pk, client_pk=code.client.pk, now=timezone.now()
    )
    before = resources.consented(resources_before, scope) if resources.rows else scope_before
    question = Question(scope=scope, resources=resources, before=before, ticked=ticked)
    address = ProgramRequest.of(request).address
    context = {
        **context_of(question, code.client),
        "user_code": device_code.format_user_code(user_code),
        "requested_at": code.requested_at,
        "address": code.address,
        "is_here": bool(address) and address == code.address,
        "scope": scope,
        "action": request.path,
        "again": _here(request, user_code),
    }
    response = render_page(request, "device_consent", context)
    protect_page(response, request)
    return response


def _result_page(request: HttpRequest, code: DeviceCode, result: str) -> HttpResponse:
    return render_page(request, "device_result", {"client": code.client, "result": result, "action": request.path})
