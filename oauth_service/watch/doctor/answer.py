"""An answer of the deployment, as it came from outside."""

import json
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What came back.

    fault says in words why nothing did; then status is 0. at is when it came, by our clock.
    """

    method: str
    url: str
    at: datetime
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    fault: str = ""

    def header(self, name: str) -> str:
        """The value of a header, "" if there is none; of several, the first."""
        return next(iter(self.headers_of(name)), "")

    def headers_of(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def media_type(self) -> str:
        """The Content-Type, without its parameters."""
        return self.header("Content-Type").partition(";")[0].strip().lower()

    @property
    def is_redirect(self) -> bool:
        """Whether it sends the browser elsewhere."""
        return self.status in (301, 302, 303, 307, 308)

    def members(self) -> dict[str, object]:
        """The members of a JSON object; none if the body is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}
