"""Stage of a play: Alice's browser and the clients' backends, over real HTTP, watched by an audience."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol, Self, TypeVar

import httpx

from simulation.cast import Party
from simulation.exchange import BACKEND, BROWSER, SERVER, Exchange
from simulation.masking import mask
from simulation.script import Fields, encoded
from simulation.steps import GUIDE, Flow

Found = TypeVar("Found")
TIMEOUT = httpx.Timeout(15.0, connect=5.0)


class Deviation(Exception):
    """A message differs from the contract, and the play stops."""

    def __init__(self, *, step: int, title: str, expected: str, actual: str) -> None:
        self.step = step
        self.expected = expected
        self.actual = mask(actual)
        super().__init__(f"Step {step}, {title}, deviates.\n  expected: {expected}\n  came:     {self.actual}")


class Audience(Protocol):
    """Observer of a play, called in the order in which it happens."""

    def told(self, step: int, sentence: str) -> None:
        """Something happens without an HTTP message."""

    def saw(self, exchange: Exchange) -> None:
        """A request was sent, and its response, if any, received."""

    def held(self, step: int, sentence: str) -> None:
        """A promise of the contract was checked and kept."""


class Stage:
    """
    Sends messages, records each exchange, and stops the play at the first broken promise.

    Args:
        flow: the flow that is played.
        sleep: called with the seconds to wait.
    """

    def __init__(
        self,
        audience: Audience,
        *,
        flow: Flow = GUIDE,
        transport: httpx.BaseTransport | None = None,
        use_proxies: bool = False,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.exchanges: list[Exchange] = []
        self._audience = audience
        self._flow = flow
        self._sleep = sleep
        # Two clients, because the backend must not have the browser's cookies.
        self._browser = httpx.Client(transport=transport, timeout=TIMEOUT, trust_env=use_proxies)
        self._backend = httpx.Client(transport=transport, timeout=TIMEOUT, trust_env=use_proxies)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._browser.close()
        self._backend.close()

    def narrate(self, step: int, sentence: str) -> None:
        """Describe something that happens without a message."""
        self._audience.told(step, sentence)

    def check(self, step: int, kept: bool, *, expected: str, actual: object) -> None:
        """
        Compare a message with the contract.

        Args:
            step: step of the message.
            kept: True if the promise was kept.
            expected: the promise, in words that read well after a tick.
            actual: the value that came; masked before it is shown.

        Raises:
            Deviation: the promise is broken.
        """
        if not kept:
            raise self._deviation(step, expected, actual)
        self._audience.held(step, expected)

    def find(self, step: int, found: Found | None, *, expected: str, actual: object) -> Found:
        """Check that something was found, as hold() does, and return it."""
        self.check(step, found is not None, expected=expected, actual=actual)
        assert found is not None  # noqa: S101 - hold() has raised
        return found

    def browse(self, step: int, title: str, url: str, *, receiver: str = SERVER) -> Exchange:
        """Let Alice's browser open a page; redirects are not followed."""
        request = self._browser.build_request("GET", url, headers={"Accept": "text/html"})
        return self._send(self._browser, request, step=step, title=title, sender=BROWSER, receiver=receiver)

    def submit(self, step: int, title: str, url: str, fields: Fields, *, page: str, receiver: str = SERVER) -> Exchange:
        """Let Alice's browser submit a form that is on a page."""
        origin = str(httpx.URL(page).copy_with(raw_path=b"/")).rstrip("/")
        headers = {
            "Accept": "text/html",
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": origin,  # Django's CSRF check needs both with https
            "Referer": page,
        }
        request = self._browser.build_request("POST", url, headers=headers, content=encoded(fields))
        return self._send(self._browser, request, step=step, title=title, sender=BROWSER, receiver=receiver)

    def call(self, step: int, title: str, url: str, message: dict[str, str]) -> Exchange:
        """Let the app's backend post a JSON object, laid out as in the guide."""
        request = self._backend.build_request(
            "POST", url, headers={"Content-Type": "application/json"}, content=json.dumps(message, indent=4)
        )
        return self._send(self._backend, request, step=step, title=title, sender=BACKEND, receiver=SERVER)

    def post(self, step: int, title: str, url: str, fields: Fields, *, by: Party) -> Exchange:
        """Let a client post a form with its registered way of authenticating."""
        headers = dict((("Content-Type", "application/x-www-form-urlencoded"), *by.headers))
        request = self._backend.build_request("POST", url, headers=headers, content=encoded((*fields, *by.fields)))
        return self._send(self._backend, request, step=step, title=title, sender=by.client_id, receiver=SERVER)

    def wait(self, step: int, seconds: float, sentence: str) -> None:
        """Wait, and say why."""
        self.narrate(step, sentence)
        self._sleep(seconds)

    def fetch(self, step: int, title: str, url: str, *, access_token: str = "", sender: str = BACKEND) -> Exchange:
        """Let a backend get a resource, with or without an access token."""
        headers = {"Authorization": f"Bearer {access_token}"} if access_token else {}
        request = self._backend.build_request("GET", url, headers=headers)
        return self._send(self._backend, request, step=step, title=title, sender=sender, receiver=SERVER)

    def _send(
        self, client: httpx.Client, request: httpx.Request, *, step: int, title: str, sender: str, receiver: str
    ) -> Exchange:
        started_at = datetime.now(UTC)
        problem: Exception | None = None
        try:
            response = client.send(request, follow_redirects=False)
        except httpx.HTTPError as error:
            response, problem = httpx.Response(0), error
        exchange = Exchange(
            step=step,
            title=title,
            sender=sender,
            receiver=receiver,
            method=request.method,
            url=str(request.url),
            request_headers=tuple(request.headers.items()),
            request_body=request.content.decode(),
            status=response.status_code,
            reason=response.reason_phrase,
            response_headers=tuple(response.headers.multi_items()),
            response_body=response.text,
            started_at=started_at,
            elapsed=datetime.now(UTC) - started_at,
        )
        self.exchanges.append(exchange)
        self._audience.saw(exchange)
        if problem is not None:
            raise self._deviation(step, "an answer", f"{type(problem).__name__}: {problem}") from problem
        return exchange

    def _deviation(self, step: int, expected: str, actual: object) -> Deviation:
        return Deviation(step=step, title=self._flow.step(step).title, expected=expected, actual=str(actual))
