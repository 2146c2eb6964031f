"""A response of the deployment, as it arrived from outside."""

import json
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    A response, or the failure to get one.

    fault says in words why nothing arrived; status is then 0. at is when the response arrived, by the clock of this
    machine.
    """

    method: str
    url: str
    at: datetime
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    fault: str = ""

    def header(self, name: str) -> str:
        """Return the value of a header: the first of several, "" for none."""
        return next(iter(self.headers_of(name)), "")

    def headers_of(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def media_type(self) -> str:
        """The Content-Type without its parameters, in lower case."""
        return self.header("Content-Type").partition(";")[0].strip().lower()

    @property
    def is_redirect(self) -> bool:
        """True if the response redirects."""
        return self.status in (301, 302, 303, 307, 308)

    def members(self) -> dict[str, object]:
        """Return the members of the JSON object in the body; empty if the body is not one."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}
