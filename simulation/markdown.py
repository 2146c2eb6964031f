"""A run as a Markdown document: a sequence diagram, then each message in the guide's notation."""

import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from simulation.exchange import Exchange
from simulation.notation import mask, request_text, response_text
from simulation.steps import GUIDE, Flow


def markdown(exchanges: Sequence[Exchange], *, flow: Flow = GUIDE, reveal: bool = False) -> str:
    """
    Write the exchanges in the order in which they happened.

    Args:
        exchanges: a run, or a part of it.
        flow: the flow that was played.
        reveal: show tokens and secrets as they are.
    """
    lines = [f"# {flow.title}, as it happened", ""]
    if exchanges:
        lines += [f"{len(exchanges)} exchanges, from {exchanges[0].started_at:%Y-%m-%d %H:%M:%S %Z}.", ""]
    lines += ["```mermaid", *_diagram(exchanges, flow), "```", ""]
    shown_step = 0
    for number, heading, text in _messages(exchanges, flow):
        if number != shown_step:
            step = flow.step(number)
            lines += [f"## Step {number}: {step.title}", "", f"{step.proves} ({step.rfc})", ""]
            shown_step = number
        if heading:
            lines += [f"### {heading}", ""]
        lines += [*_fenced(text if reveal else mask(text)), ""]
    return "\n".join(lines)


def _messages(exchanges: Iterable[Exchange], flow: Flow) -> Iterator[tuple[int, str, str]]:
    """Every message with its step and its heading; a response has none, as it follows its request."""
    for exchange in exchanges:
        milliseconds = exchange.elapsed.total_seconds() * 1000
        yield exchange.step, f"{exchange.title} ({milliseconds:.0f} ms)", request_text(exchange)
        yield flow.step_of_answer(exchange), "", response_text(exchange)


def _diagram(exchanges: Iterable[Exchange], flow: Flow) -> Iterator[str]:
    yield "sequenceDiagram"
    names: dict[str, str] = {}
    arrows: list[str] = []
    for exchange in exchanges:
        sender, receiver = (
            names.setdefault(party, f"P{len(names) + 1}") for party in (exchange.sender, exchange.receiver)
        )
        request = f"{exchange.step}. {exchange.method} {urlsplit(exchange.url).path or '/'}"
        response = (
            f"{flow.step_of_answer(exchange)}. {exchange.status} {exchange.reason}"
            if exchange.status
            else "no response"
        )
        arrows += [f"{sender}->>{receiver}: {_label(request)}", f"{receiver}-->>{sender}: {_label(response)}"]
    yield from (f"    participant {alias} as {_label(party)}" for party, alias in names.items())
    yield from (f"    {arrow}" for arrow in arrows)


def _label(text: str) -> str:
    """Text without characters that Mermaid would read as an entity or the end of a line."""
    return " ".join(text.translate({ord("#"): "#35;", ord(";"): "#59;"}).split())


def _fenced(text: str) -> list[str]:
    """A code block whose fence is longer than any run of backticks in it."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return [f"{fence}http", text, fence]
