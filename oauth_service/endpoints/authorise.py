"""GET, POST /authorise/ -- the authorization endpoint (RFC 6749 section 3.1)."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.views import redirect_to_login
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect, requires_csrf_token

from .. import conf, database, signals
from ..clients import authentication
from ..models import Client, ClientRow, ClientWithConsent, Consent
from ..protocol import authorization_request
from ..protocol.authorization_request import AuthorizationRequest, NextStep
from ..protocol.errors import AccessDenied, OAuthError
from ..protocol.parameters import Parameters
from ..protocol.reply_to import ReplyTo
from ..tokens import issue
from ..web.pages import page_endpoint, protect_page, render_page
from ..web.programs import ProgramResponse
from ..web.redirects import redirect_with_code, redirect_with_error, respond_with_code
from ..web.requests import FAILED_BEFORE, ProgramRequest, body_parameters, query_parameters


@csrf_exempt  # an authorization request may be sent by POST from anywhere; the user's answer is checked in _answer
@requires_csrf_token
@page_endpoint("GET", "POST", keeps_opener=True)
def authorise(request: HttpRequest) -> HttpResponse:
    """
    Ask the user what a client may have, and answer the client.

    A POST without response_type is the user's answer from our own page. One with it is an authorization request, as the GET
    (OpenID Connect Core section 3.1.2.1).
    """
    if failure := request.META.get(FAILED_BEFORE):
        raise failure  # to wait for it once more would hold this thread for as long again
    parameters = body_parameters(ProgramRequest.of(request)) if request.method == "POST" else query_parameters(request)
    is_answer = request.method == "POST" and "response_type" not in parameters
    standing = authentication.standing(parameters, user_id=request.user.pk)
    reply_to = ReplyTo.verify(standing.client, parameters, issuer=conf.issuer_of(request))
    # Client and redirect_uri are verified: from here on errors travel to the client.
    try:
        asked = AuthorizationRequest.parse(parameters, standing.client, is_answer=is_answer)
        if is_answer:
            return _answer(request, parameters, standing.client, reply_to, asked)
        return _ask(request, parameters, standing, reply_to, asked)
    except OAuthError as refusal:
        if not request.user.is_authenticated:
            # Else a link with a mistake in it would lead whoever opens it straight to a target of the sender's choice:
            # "The authorization server MUST always authenticate the user first" (RFC 9700 section 4.11.2).
            return _sign_in(request, parameters, is_answer=is_answer)
        return redirect_with_error(request, reply_to, refusal)


def answer_at_once(call: ProgramRequest, user: AbstractBaseUser) -> ProgramResponse | None:
    """
    The answer to a GET of somebody who is signed in and has allowed all of it before: by the same rules, but no page.

    Returns:
        None where there is something to show, to ask or to refuse, and nothing has happened yet: authorise() does that.
    """
    try:
        parameters = query_parameters(call)
        standing = authentication.standing(parameters, user_id=user.pk)
        reply_to = ReplyTo.verify(standing.client, parameters, issuer=conf.ISSUER())
        asked = AuthorizationRequest.parse(parameters, standing.client, is_answer=False)
    except OAuthError:
        return None
    step = _next_step(standing, reply_to, asked, is_signed_in=True)
    if step is not NextStep.ANSWER or not standing.consent_id:
        return None
    return respond_with_code(reply_to, _code(standing.consent_id, standing.client, reply_to, asked, user_id=user.pk))


def _ask(
    request: HttpRequest,
    parameters: Parameters,
    standing: ClientWithConsent,
    reply_to: ReplyTo,
    asked: AuthorizationRequest,
) -> HttpResponse:
    match _next_step(standing, reply_to, asked, is_signed_in=request.user.is_authenticated):
        case NextStep.LOGIN:
            return _sign_in(request, parameters, is_answer=False)
        case NextStep.ANSWER if standing.consent_id:
            code = _code(standing.consent_id, standing.client, reply_to, asked, user_id=request.user.pk)
            return redirect_with_code(reply_to, code)
        case _:
            return _consent_page(request, parameters, standing, reply_to, asked)


def _next_step(
    standing: ClientWithConsent, reply_to: ReplyTo, asked: AuthorizationRequest, *, is_signed_in: bool
) -> NextStep:
    return authorization_request.next_step(
        asked,
        is_signed_in=is_signed_in,
        consented_scope=standing.scope,
        may_skip=standing.client.may_skip_consent(reply_to.uri),
    )


@csrf_protect
def _answer(
    request: HttpRequest, parameters: Parameters, client: ClientRow, reply_to: ReplyTo, asked: AuthorizationRequest
) -> HttpResponse:
    if not request.user.is_authenticated:
        return _sign_in(request, parameters, is_answer=True)
    if "deny" in parameters:
        raise AccessDenied("the user did not allow it", detail=f"user {request.user.pk}, client {client.client_id}")
    try:
        with transaction.atomic(using=database.ours()):
            now = timezone.now()
            consent = Consent.objects.give(user_id=request.user.pk, client_pk=client.pk, scope=asked.scope, now=now)
            facts = {"user_id": request.user.pk, "client_id": client.client_id, "scope": asked.scope}
            signals.announce(signals.consent_given, **facts)
            return redirect_with_code(reply_to, _code(consent.pk, client, reply_to, asked, user_id=request.user.pk))
    except IntegrityError as cause:
        # Their consent refers to both, and one of them is gone at the COMMIT.
        raise AccessDenied(
            "the account or the app was removed meanwhile", detail=f"user {request.user.pk}, client {client.client_id}"
        ) from cause


def _code(consent_id: UUID, client: ClientRow, reply_to: ReplyTo, asked: AuthorizationRequest, *, user_id: Any) -> str:
    code = issue.code(consent_id, asked, reply_to, now=timezone.now())
    signals.announce(signals.code_issued, user_id=user_id, client_id=client.client_id, scope=asked.scope)
    return code


def _sign_in(request: HttpRequest, parameters: Parameters, *, is_answer: bool) -> HttpResponse:
    # The request goes on after the login, whichever way it came and with whatever is wrong in it, repeats included.
    if is_answer:
        query = urlencode({"response_type": "code", **_carried(parameters)})
    else:
        sent = [(name, value) for name, value in parameters.items() if name in authorization_request.DECIDING]
        query = urlencode([pair for pair in sent for _ in range(1 + parameters.is_repeated(pair[0]))])
    return redirect_to_login(f"{request.path}?{query}", settings.LOGIN_URL)


def _consent_page(
    request: HttpRequest,
    parameters: Parameters,
    standing: ClientWithConsent,
    reply_to: ReplyTo,
    asked: AuthorizationRequest,
) -> HttpResponse:
    before = frozenset(standing.scope.split())
    words = conf.SCOPES()
    context: dict[str, Any] = {
        "client": get_object_or_404(Client, pk=standing.client.pk),
        "redirect_host": reply_to.host or _("%(scheme)s (an app on this device)") % {"scheme": reply_to.scheme},
        "scopes": [
            {"name": name, "description": words.get(name, name), "is_new": bool(before) and name not in before}
            for name in asked.scope.split()
        ],
        "is_reconsent": bool(before),
        # The scope that is shown: a request that names none must not get more if the client may have more by then.
        "parameters": list((_carried(parameters) | {"scope": asked.scope}).items()),
        "action": request.path,
    }
    response = render_page(request, "consent", context)
    protect_page(response, request, leads_on=True)
    return response


def _carried(parameters: Parameters) -> dict[str, str]:
    return {name: value for name in authorization_request.CARRIED if (value := parameters.get(name))}
