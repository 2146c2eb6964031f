"""GET, POST /authorise/ -- the authorization endpoint (RFC 6749 section 3.1, OpenID Connect Core 1.0 section 3.1.2)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth import logout
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.backends.base import SessionBase
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect, requires_csrf_token

from .. import conf, database, signals
from ..authorization import arrival as arrivals
from ..authorization.arrival import Arrival, Visitor
from ..authorization.shown import Question, context_of
from ..models import Client, Consent, SignIn
from ..people import authentication
from ..people.logout import SILENT_ATTRIBUTE
from ..protocol import authorization_request
from ..protocol.errors import AccessDenied, ClientNotIntroduced, OAuthError
from ..protocol.interaction import PARAMETER, Interaction
from ..protocol.next_step import NextStep
from ..protocol.parameters import Parameters
from ..tokens import issue
from ..web import ended_sessions
from ..web.ended_sessions import SessionEnded
from ..web.pages import page_endpoint, protect_page, render_page
from ..web.programs import ProgramResponse
from ..web.redirects import answer_with_code, answer_with_error, respond_with_code, to_sign_in
from ..web.requests import FAILED_BEFORE, ProgramRequest, body_parameters, query_parameters

SignedIn = tuple[AbstractBaseUser, SessionBase]


@csrf_exempt  # an authorization request may come by POST from anywhere; _answer checks the user's answer
@requires_csrf_token
@page_endpoint("GET", "POST", keeps_opener=True)
def authorise(request: HttpRequest) -> HttpResponse:
    """
    Ask the user what a client may have, and answer the client.

    A POST without response_type is the user's answer from our own page. A POST with it is an authorization request,
    like a GET (OpenID Connect Core section 3.1.2.1).
    """
    if failure := request.META.get(FAILED_BEFORE):
        raise failure  # trying once more would hold this thread for as long again
    parameters = body_parameters(ProgramRequest.of(request)) if request.method == "POST" else query_parameters(request)
    is_answer = request.method == "POST" and "response_type" not in parameters
    now, issuer = timezone.now(), conf.issuer_of(request)
    try:
        target = arrivals.target_of(parameters, user_id=request.user.pk, issuer=issuer, now=now)
    except ClientNotIntroduced:
        if request.user.is_authenticated or "none" in parameters.words("prompt"):
            raise
        # The client is unknown. Its document is fetched only for a signed-in user.
        return _sign_in(request, parameters, is_answer=is_answer)
    # Client and redirect_uri are verified. From here on the client gets the errors.
    try:
        visitor = Visitor(user_id=request.user.pk, event=authentication.event_of(request))
        arrival = arrivals.arrive(parameters, target, visitor, issuer=issuer, is_answer=is_answer, now=now)
        if is_answer:
            return _answer(request, arrival, now=now)
        return _ask(request, arrival, arrivals.step_of(arrival, now=now), now=now)
    except OAuthError as refusal:
        if not request.user.is_authenticated and "none" not in parameters.words("prompt"):
            # Otherwise a link with a mistake in it would lead anybody who opens it straight to a target of the sender's
            # choice: "The authorization server MUST always authenticate the user first" (RFC 9700 section 4.11.2).
            # prompt=none is the exception that OpenID Connect makes: the user is not asked to sign in.
            return _sign_in(request, parameters, is_answer=is_answer)
        return answer_with_error(request, target.reply_to, refusal)


def answer_at_once(call: ProgramRequest, who: Callable[[], SignedIn | None]) -> ProgramResponse | None:
    """
    Answer a GET of a signed-in user who allowed all of it before: by the same rules as authorise(), but without a page.

    Args:
        who: reads the user and the session; None if there is no user, or if Django would change the session.

    Returns:
        None if something has to be shown, asked or refused, or if the project has a say in the sign-in. Nothing has
        been written then, and authorise() takes over.
    """
    now = timezone.now()
    try:
        parameters = query_parameters(call)
        if _needs_page(parameters) or (found := who()) is None:
            return None
        user, session = found
        target = arrivals.target_of(parameters, user_id=user.pk, issuer=conf.ISSUER(), now=now, may_fetch=False)
        event = authentication.kept_event(session, user) if conf.is_openid() else None
        visitor = Visitor(user_id=user.pk, event=event)
        arrival = arrivals.arrive(parameters, target, visitor, issuer=conf.ISSUER(), is_answer=False, now=now)
        if (arrival.asked.depends_on_sign_in and event is None) or not target.consent_id:
            return None
        if arrivals.step_of(arrival, now=now) is not NextStep.ANSWER:
            return None
    except OAuthError:
        return None
    return respond_with_code(target.reply_to, _code(target.consent_id, arrival, now=now))


def _needs_page(parameters: Parameters) -> bool:
    """Return whether a request certainly needs authorise(), as far as this can be told without a statement."""
    if parameters.get("response_mode") not in ("", "query"):
        return True
    if not conf.is_openid():
        return False
    # A project's function for sign-ins reads Django's request, which does not exist here.
    is_the_projects = bool(conf.AUTHENTICATION_EVENT()) and "openid" in parameters.words("scope")
    return is_the_projects or not {"login", "consent", "select_account"}.isdisjoint(parameters.words("prompt"))


def _ask(request: HttpRequest, arrival: Arrival, step: NextStep, *, now: datetime) -> HttpResponse:
    match step:
        case NextStep.SIGN_IN:
            return _sign_in(request, arrival.parameters, is_answer=False)
        case NextStep.SIGN_IN_AGAIN:
            return _sign_in_again(request, arrival, now=now)
        case NextStep.STEP_UP:
            return _step_up(request, arrival, now=now)
        case NextStep.CHOOSE_ACCOUNT:
            return _account_page(request, arrival, now=now)
        case NextStep.ANSWER if arrival.target.consent_id:
            return _answer_with(arrival, partial(_code, arrival.target.consent_id, arrival, now=now))
        case _:
            return _consent_page(request, arrival, now=now)


@csrf_protect
def _answer(request: HttpRequest, arrival: Arrival, *, now: datetime) -> HttpResponse:
    if not request.user.is_authenticated:
        return _sign_in(request, arrival.parameters, is_answer=True)
    client = arrival.client
    if "deny" in arrival.parameters:
        raise AccessDenied("the user did not allow it", detail=f"user {request.user.pk}, client {client.client_id}")
    # The session may have changed since the page was shown, so judge the request again, except for the question itself.
    step = arrivals.step_of(arrival, now=now)
    if step not in (NextStep.ASK, NextStep.ANSWER):
        return _ask(request, arrival, step, now=now)
    allowed = arrivals.allowed_of(arrival)
    if not allowed.asked.scope:
        return _consent_page(request, arrival, now=now, ticked=frozenset())

    def give() -> str:
        ended_sessions.hold(request)
        scope = allowed.asked.scope_shown
        at = allowed.resources.at(scope)
        without = "" if at else scope
        consent = Consent.objects.give(user_id=request.user.pk, client_pk=client.pk, scope=without, at=at, now=now)
        facts = {"user_id": request.user.pk, "client_id": client.client_id, "scope": scope}
        signals.announce(signals.consent_given, **facts)
        return _code(consent.pk, allowed, now=now)

    try:
        return _answer_with(arrival, partial(database.run_transaction, give))
    except SessionEnded:
        ended_sessions.leave_ended(request)
        return _sign_in(request, arrival.parameters, is_answer=True)


def _answer_with(arrival: Arrival, write: Callable[[], str]) -> HttpResponse:
    """Call write(), which stores a code, and answer with the code."""
    try:
        return answer_with_code(arrival.reply_to, write())
    except IntegrityError as cause:
        # Consents refer to user and client, sign-ins to clients that hear about their end. One of them was gone at the
        # COMMIT.
        raise AccessDenied(
            "the account or the app was removed meanwhile",
            detail=f"user {arrival.visitor.user_id}, client {arrival.client.client_id}",
        ) from cause


def _code(consent_id: UUID, arrival: Arrival, *, now: datetime) -> str:
    client, asked = arrival.client, arrival.asked
    context = arrivals.openid_context(arrival)
    code = issue.code(consent_id, asked, arrival.reply_to, context=context, now=now)
    if context and asked.is_openid and client.hears_of_sign_outs:
        purge_at = now + authentication.sign_in_lifetime()
        SignIn.objects.add_client(UUID(context.event.sid), client.pk, purge_at=purge_at)
    user_id = arrival.visitor.user_id
    signals.announce(signals.code_issued, user_id=user_id, client_id=client.client_id, scope=asked.scope)
    return code


# -- signing in ------------------------------------------------------------------------------------------------------


def _sign_in(request: HttpRequest, parameters: Parameters, *, is_answer: bool) -> HttpResponse:
    # After the sign-in the request continues as it was sent, whether by GET or POST, including repeated and wrong
    # parameters.
    return to_sign_in(request, f"{request.path}?{_query(parameters, is_answer=is_answer)}")


def _sign_in_again(request: HttpRequest, arrival: Arrival, *, now: datetime) -> HttpResponse:
    event, before = arrival.visitor.event, arrival.interaction
    if before.since and event and before.before == event.id:
        # The login page sent a signed-in user straight back, so it must not know them: sign out. Do that only if this
        # is the sign-in that was sealed, so that a link with a value sealed in another browser signs nobody out.
        kept = request.session[authentication.SESSION_KEY]
        setattr(request, SILENT_ATTRIBUTE, True)
        logout(request)
        # If the same user signs in again, the session (sid) continues, so that its sign-out still reaches all its
        # clients.
        request.session[authentication.SESSION_KEY] = kept
    demanded = replace(before, since=int(now.timestamp()), before=event.id if event else "")
    return to_sign_in(request, _go_on(request, arrival, demanded, now=now), fresh=True)


def _step_up(request: HttpRequest, arrival: Arrival, *, now: datetime) -> HttpResponse:
    pages = conf.STEP_UP_URLS()
    url = next(pages[acr] for acr in arrival.asked.acr_values if acr in pages)
    stepped_up = replace(arrival.interaction, stepped_up=True)
    return to_sign_in(request, _go_on(request, arrival, stepped_up, now=now), url)


def _go_on(request: HttpRequest, arrival: Arrival, interaction: Interaction, *, now: datetime) -> str:
    is_answer = "response_type" not in arrival.parameters
    query = _query(arrival.parameters, is_answer=is_answer, sealed=arrival.seal(interaction, now=now))
    return f"{request.path}?{query}"


def _query(parameters: Parameters, *, is_answer: bool, sealed: str = "") -> str:
    if is_answer:
        return urlencode(
            {"response_type": "code", **_carried(parameters, sealed=sealed)} | _repeatable(parameters), True
        )
    sent = [(name, value) for name, value in parameters.items() if name in authorization_request.DECIDING]
    if sealed:
        sent = [*[pair for pair in sent if pair[0] != PARAMETER], (PARAMETER, sealed)]
    several = _repeatable(parameters)
    doubled = [pair for pair in sent if pair[0] not in several for _ in range(1 + parameters.is_repeated(pair[0]))]
    return urlencode([*doubled, *_pairs(several)])


# -- pages -----------------------------------------------------------------------------------------------------------


def _account_page(request: HttpRequest, arrival: Arrival, *, now: datetime) -> HttpResponse:
    chosen = replace(arrival.interaction, account=str(request.user.pk))
    context = {
        "client": arrival.client,
        "go_on": _go_on(request, arrival, chosen, now=now),
        "other": f"{request.path}?{_query(arrival.parameters, is_answer='response_type' not in arrival.parameters)}",
    }
    return render_page(request, "choose_account", context)


def _consent_page(
    request: HttpRequest, arrival: Arrival, *, now: datetime, ticked: frozenset[str] | None = None
) -> HttpResponse:
    asked, reply_to = arrival.asked, arrival.reply_to
    # The scope as shown: a request without scope must not get more if the client is allowed more in the meantime.
    carried = _carried(arrival.parameters, sealed=_as_seen(arrival, now=now)) | {"scope": asked.scope}
    client = get_object_or_404(Client.objects.select_related("registration"), pk=arrival.client.pk)
    question = Question(
        scope=asked.scope_shown,
        resources=arrival.resources,
        before=arrival.consented_scope,
        is_settled=arrival.may_skip,
        ticked=ticked,
    )
    context: dict[str, Any] = {
        **context_of(question, client, uri=reply_to.uri),
        "redirect_host": reply_to.host or _("%(scheme)s (an app on this device)") % {"scheme": reply_to.scheme},
        "parameters": [*carried.items(), *_pairs(_repeatable(arrival.parameters))],
        "action": request.path,
        "again": f"{request.path}?{_query(arrival.parameters, is_answer='response_type' not in arrival.parameters)}",
    }
    response = render_page(request, "consent", context)
    protect_page(response, request, leads_on=True)
    return response


def _as_seen(arrival: Arrival, *, now: datetime) -> str:
    """Seal that the sign-in was fresh enough when the page was shown, so that it stays so while the user reads."""
    event = arrival.visitor.event
    if event is None or not arrival.asked.depends_on_sign_in:
        return ""
    return arrival.seal(replace(arrival.interaction, since=event.auth_time, before=""), now=now)


def _carried(parameters: Parameters, *, sealed: str = "") -> dict[str, str]:
    carried = {name: value for name in authorization_request.CARRIED if (value := parameters.get(name))}
    return carried | ({PARAMETER: sealed} if sealed else {})


def _repeatable(parameters: Parameters) -> dict[str, tuple[str, ...]]:
    return {name: found for name in authorization_request.REPEATABLE if (found := parameters.get_all(name))}


def _pairs(several: Mapping[str, Iterable[str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, values in several.items() for value in values]
