"""An HTTP request and its response, as part of a step of the lifecycle."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Self
from urllib.parse import urljoin, urlsplit

BROWSER = "Alice's Browser"
BACKEND = "prescription_manager_app Server"
SERVER = "oauth_service"
APP = "prescription_manager_app"

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Exchange:
    """
    A request and its response.

    Attributes:
        step: step of the guide whose message the request is, 1-9; for the response see response_step.
        title: short description of what happens.
        sender: BROWSER or BACKEND in the guide's flow, otherwise a client_id.
        receiver: name of the party that answers.
        url: absolute, with its query.
        status: status code of the response; 0 if none was seen.
        started_at: when the request was sent, aware.
        elapsed: time from sending the request to having read the response.
    """

    step: int
    title: str
    sender: str
    receiver: str
    method: str
    url: str
    request_headers: Headers
    request_body: str
    status: int
    reason: str
    response_headers: Headers
    response_body: str
    started_at: datetime
    elapsed: timedelta

    def __repr__(self) -> str:
        # Headers, bodies and queries hold codes, tokens and passwords, which must not reach a log or a traceback.
        url = urlsplit(self.url)
        return f"<Exchange step {self.step}: {self.method} {url.hostname}{url.path} -> {self.status}>"

    @property
    def response_step(self) -> int:
        """
        Step of the guide whose message the response is.

        The guide counts the redirect that leaves the server (step 3) and the response to the code exchange (step 5) as
        steps of
        their own; every other response belongs to the step of its request.
        """
        if self.step == 4:
            return 5
        return 3 if self.receiver == SERVER and self.step in {1, 2} and self.leaves else self.step

    @property
    def location(self) -> str:
        """Absolute URL of the redirect; "" if the response is none."""
        location = self.header("Location")
        return urljoin(self.url, location) if location else ""

    @property
    def leaves(self) -> bool:
        """True if the response redirects to another site."""
        return urlsplit(self.location).netloc not in {"", urlsplit(self.url).netloc}

    @property
    def answer(self) -> str:
        """The response in one line: its status and the target of its redirect."""
        return " ".join(filter(None, [str(self.status), self.reason, self.header("Location")]))

    def header(self, name: str) -> str:
        """Value of a response header; "" if it is missing. Several headers of one name are joined by commas."""
        return ", ".join(value for key, value in self.response_headers if key.lower() == name.lower())

    def to_json(self) -> str:
        """The whole exchange, secrets included, as a JSON object."""
        return json.dumps(
            asdict(self)
            | {"started_at": self.started_at.isoformat(), "elapsed": self.elapsed // timedelta(microseconds=1)}
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what to_json() wrote."""
        members = json.loads(text)
        for headers in ("request_headers", "response_headers"):
            members[headers] = tuple((name, value) for name, value in members[headers])
        members["started_at"] = datetime.fromisoformat(members["started_at"])
        members["elapsed"] = timedelta(microseconds=members["elapsed"])
        return cls(**members)
