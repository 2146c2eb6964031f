"""GET /lifecycle/ -- the nine steps as they happened in this browser session; available in development only."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from prescription_manager_app import sessions
from prescription_manager_app.conf import registration
from prescription_manager_app.experiments import EXPERIMENTS, Experiment, Verdict
from prescription_manager_app.models import RecordedExchange
from prescription_manager_app.recording import journey
from prescription_manager_app.visits import connection_of
from simulation.exchange import Exchange
from simulation.notation import mask, request_message, response_message
from simulation.steps import STEPS, Step

REVEALED = "lifecycle_revealed"  # key in the session
SHOWN = 2  # exchanges per step, of which Step 9 has two at a time; earlier ones are folded away

# Messages that this app cannot see, or has not seen yet.
NOTES = {
    1: "This app only makes the request. The response goes to your browser.",
    2: "This step is between you and the server: this app sees neither your password nor your answer.",
    3: "The server sent your browser here with 302 Found; its Location was exactly this address.",
}
WAYS_TO_SEE = {
    7: "The tokens have not been renewed yet. Try “A revoked access token” below and open your prescriptions.",
    8: "Log out to see scenario A. Scenario B happens on the server, in Manage Connected Apps. This app learns of it when "
    "its next request is refused.",
    9: "Log out to see the revocation requests.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    A message in the guide's notation.

    Attributes:
        milliseconds: time until the response; -1 for a request.
    """

    kind: str
    sender: str
    receiver: str
    text: str
    at: datetime
    milliseconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A step of the guide, and its messages in this browser session."""

    step: Step
    note: str
    way_to_see: str
    messages: list[Message]
    earlier: list[Message]

    @property
    def count(self) -> int:
        """Number of its messages."""
        return len(self.messages) + len(self.earlier)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """
    An experiment, and the result of its last run.

    Attributes:
        verdict: None if it has not been tried.
        is_shown: True if the browser was redirected here by this run.
    """

    experiment: Experiment
    messages: list[Message]
    verdict: Verdict | None
    is_shown: bool

    @property
    def explained(self) -> bool:
        """True if the run has a result that can be explained."""
        return self.verdict is not Verdict.UNFINISHED


@require_safe
def lifecycle(request: HttpRequest) -> HttpResponse:
    """
    Show what was recorded, masked unless this session has asked to reveal it.

    If an experiment was run several times, `run` in the query selects the run, so that each tab shows its own.
    """
    revealed = bool(request.session.get(REVEALED))
    name = journey(request)
    run = sessions.uuid_of(request.GET.get("run"))
    told = list(_told(RecordedExchange.objects.of(name), revealed=revealed))
    context = {
        "revealed": revealed,
        "connected": connection_of(request) is not None,
        "chapters": [_chapter(step, [message for number, message in told if number == step.number]) for step in STEPS],
        "trials": [_trial(name, experiment, run, revealed=revealed) for experiment in EXPERIMENTS],
        "manage_apps_url": registration().manage_apps_url,
    }
    return render(request, "prescription_manager_app/lifecycle.html", context)


@require_POST
def reveal(request: HttpRequest) -> HttpResponse:
    """Show the values in full, or hide them again. POST, so that no link can reveal them."""
    request.session[REVEALED] = not request.session.get(REVEALED)
    return redirect("lifecycle")


@require_POST
def forget(request: HttpRequest) -> HttpResponse:
    """Delete this session's recording."""
    RecordedExchange.objects.filter(journey=journey(request)).delete()
    return redirect("lifecycle")


def _chapter(step: Step, messages: list[Message]) -> Chapter:
    return Chapter(
        step=step,
        note=NOTES.get(step.number, ""),
        way_to_see=WAYS_TO_SEE.get(step.number, "Connect to see this step."),
        messages=messages[-SHOWN * 2 :],
        earlier=messages[: -SHOWN * 2],
    )


def _trial(name: str, experiment: Experiment, run: uuid.UUID | None, *, revealed: bool) -> Trial:
    runs = RecordedExchange.objects.runs(name, experiment=experiment.slug)
    shown = run if run in runs else next(iter(runs), None)
    exchanges = RecordedExchange.objects.of(name, experiment=experiment.slug, run=shown) if shown else []
    return Trial(
        experiment=experiment,
        messages=[message for _, message in _told(exchanges, revealed=revealed)],
        verdict=experiment.verdict(exchanges) if exchanges else None,
        is_shown=run is not None and run == shown,
    )


def _told(exchanges: Iterable[Exchange], *, revealed: bool) -> Iterable[tuple[int, Message]]:
    """Messages of the exchanges, each with the number of its step."""
    for exchange in exchanges:
        yield (
            exchange.step,
            Message(
                kind="Request",
                sender=exchange.sender,
                receiver=exchange.receiver,
                text=_shown(request_message(exchange), revealed=revealed),
                at=exchange.started_at,
                milliseconds=-1,
            ),
        )
        if exchange.status:
            yield (
                exchange.response_step,
                Message(
                    kind="Response",
                    sender=exchange.receiver,
                    receiver=exchange.sender,
                    text=_shown(response_message(exchange), revealed=revealed),
                    at=exchange.started_at + exchange.elapsed,
                    milliseconds=round(exchange.elapsed.total_seconds() * 1000),
                ),
            )


def _shown(text: str, *, revealed: bool) -> str:
    return text if revealed else mask(text)
