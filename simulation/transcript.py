"""Transcript of a play for a terminal: each step in the guide's notation, and every promise that was kept."""

from collections.abc import Callable

from simulation.exchange import Exchange
from simulation.notation import mask, request_text, response_text
from simulation.steps import GUIDE, Flow

RULE = "*" * 80
Style = Callable[[str], str]


class Transcript:
    """
    An Audience that writes down what it sees.

    Args:
        write: takes one piece of text at a time.
        flow: the flow that is played.
        reveal: show tokens and secrets as they are.
        heading, kept: colours for headings and for kept promises.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        *,
        flow: Flow = GUIDE,
        reveal: bool = False,
        heading: Style = str,
        kept: Style = str,
    ) -> None:
        self._write = write
        self._flow = flow
        self._shown: Style = str if reveal else mask
        self._heading = heading
        self._kept = kept
        self._step = 0
        self.promises_kept = 0

    def told(self, step: int, sentence: str) -> None:
        self._turn_to(step)
        self._write(f"{sentence}\n")

    def saw(self, exchange: Exchange) -> None:
        self._turn_to(exchange.step)
        self._write(f"{exchange.title}.\n")
        self._write(f"{self._shown(request_text(exchange))}\n")
        self._turn_to(self._flow.step_of_answer(exchange))
        self._write(f"{self._shown(response_text(exchange))}\n")

    def held(self, step: int, sentence: str) -> None:
        self.promises_kept += 1
        self._write(self._kept(f"  ok  {sentence}"))

    def _turn_to(self, number: int) -> None:
        if number != self._step:
            step = self._flow.step(number)
            self._write(self._heading(f"\n{RULE}\nSTEP {number}: {step.title}\n{RULE}"))
            self._write(f"{step.proves} ({step.rfc})\n")
            self._step = number
