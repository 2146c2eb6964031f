"""Recording of a browser session's messages for /lifecycle/, while DEBUG is on."""

import functools
import uuid
from collections.abc import Callable
from datetime import timedelta

import requests
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from prescription_manager_app import sessions
from prescription_manager_app.models import RecordedExchange
from simulation.exchange import BACKEND, BROWSER, SERVER, Exchange
from simulation.steps import STEPS

LONGEST_BODY = 20_000
_TAMPERED = "~tampered~"

View = Callable[[HttpRequest], HttpResponse]


def observer(
    request: HttpRequest, *, experiment: str = "", run: uuid.UUID | None = None
) -> Callable[[int, requests.Response], None] | None:
    """
    Return a function that records the server's responses for this browser session; None if DEBUG is off.

    Args:
        run: run of the experiment; each run is recorded separately.
    """
    if not settings.DEBUG:
        return None

    def observe(step: int, response: requests.Response) -> None:
        exchange = Exchange(
            step=step,
            title=STEPS[step - 1].title,
            sender=BACKEND,
            receiver=SERVER,
            method=response.request.method or "",
            url=response.request.url or "",
            request_headers=tuple(response.request.headers.items()),
            request_body=_text(response.request.body),
            status=response.status_code,
            reason=response.reason or "",
            response_headers=tuple(response.headers.items()),
            response_body=_text(response.content),
            started_at=timezone.now() - response.elapsed,
            elapsed=response.elapsed,
        )
        _record(request, exchange, experiment=experiment, run=run)

    return observe


def record_departure(request: HttpRequest, url: str) -> None:
    """Record Step 1: the request that Alice's browser sends to the server. This app never sees its response."""
    if not settings.DEBUG:
        return
    exchange = Exchange(
        step=1,
        title=STEPS[0].title,
        sender=BROWSER,
        receiver=SERVER,
        method="GET",
        url=url,
        request_headers=(),
        request_body="",
        status=0,
        reason="",
        response_headers=(),
        response_body="",
        started_at=timezone.now(),
        elapsed=timedelta(),
    )
    _record(request, exchange)


def recorded(*, step: int) -> Callable[[View], View]:
    """Record the request of Alice's browser to this view, and the response, as one step."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def observed(request: HttpRequest) -> HttpResponse:
            if not settings.DEBUG:
                return view(request)
            run = _run_of(request.GET.get("state", ""))
            started_at = timezone.now()
            response = view(request)
            exchange = Exchange(
                step=step,
                title=STEPS[step - 1].title,
                sender=BROWSER,
                receiver=BACKEND,
                method=request.method or "",
                url=request.build_absolute_uri(),
                request_headers=tuple(request.headers.items()),
                request_body=request.POST.urlencode(),
                status=response.status_code,
                reason=response.reason_phrase,
                response_headers=tuple(response.items()),
                response_body="",
                started_at=started_at,
                elapsed=timezone.now() - started_at,
            )
            _record(request, exchange, experiment="tampered-state" if run else "", run=run)
            return response

        return observed

    return decorate


def journey(request: HttpRequest) -> str:
    """Id of this browser session's recording; created on first use."""
    return sessions.journey(request.session)


def tampered(state: str, run: uuid.UUID) -> str:
    """A state that this app never sent; it encodes the run of the experiment."""
    return f"{state}{_TAMPERED}{run.hex}"


def _run_of(state: str) -> uuid.UUID | None:
    _, found, run = state.rpartition(_TAMPERED)
    return sessions.uuid_of(run) if found else None


def _record(request: HttpRequest, exchange: Exchange, *, experiment: str = "", run: uuid.UUID | None = None) -> None:
    RecordedExchange.objects.record(journey(request), exchange, experiment=experiment, run=run, now=timezone.now())


def _text(body: bytes | str | None) -> str:
    text = body.decode(errors="replace") if isinstance(body, bytes) else body or ""
    return text[:LONGEST_BODY]
