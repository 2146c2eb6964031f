"""Alice's browser and the client's server, in any number of threads."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db.models.deletion import Collector
from django.test import Client as Browser

from oauth_service.models import AuthorizationCode, Consent, Grant
from tests.concurrency.deletions import RepeatedCollector
from tests.guide import FORM, Guide


@dataclass
class Tabs:
    """Alice's browser, already signed in, so that a thread writes only what its tab sends."""

    guide: Guide
    browser: Browser

    def ask(self, **changes: str) -> Any:
        """Send GET /authorise/."""
        return self.browser.get("/authorise/", self.guide.request(**changes))

    def allow(self, **changes: str) -> Any:
        """Press the Allow button: POST /authorise/."""
        form = self.guide.request(response_type="", **changes)
        return self.browser.post("/authorise/", urlencode(form), content_type=FORM)

    def deauthorise(self) -> Any:
        """Send POST /oauth/deauthorise/."""
        form = urlencode({"client_id": self.guide.client.client_id})
        return self.browser.post("/oauth/deauthorise/", form, content_type=FORM)


@pytest.fixture
def tabs(guide: Guide) -> Tabs:
    """Tabs of Alice's browser."""
    browser = Browser()
    browser.force_login(guide.alice)
    return Tabs(guide, browser)


@pytest.fixture(autouse=True)
def warm(transactional_db: None, guide: Guide) -> None:
    """
    Check the client's secret once, as in a running server, so that threads compete for the database and not for the
    hasher.
    """
    guide.post("/token/", {"grant_type": "none", "client_id": guide.client.client_id, "client_secret": "wrong"})
    guide.revoke("AT_unknown")


@pytest.fixture(autouse=True)
def deletions_are_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse a test's deletion of a user that the project would have to repeat at a stricter isolation level."""
    monkeypatch.setattr(Collector, "delete", RepeatedCollector())


@dataclass(frozen=True)
class RowCounts:
    """The number of rows of each kind."""

    consents: int
    codes: int
    grants: int


def row_counts() -> RowCounts:
    """Return the current number of rows."""
    return RowCounts(Consent.objects.count(), AuthorizationCode.objects.count(), Grant.objects.count())


def is_dead(guide: Guide, *handed_out: dict[str, Any]) -> bool:
    """Return whether no token of these responses is valid any more."""
    # Try access tokens first: an old refresh token would itself end its grant.
    alive = [guide.is_alive(tokens["access_token"]) for tokens in handed_out]
    refreshed = {guide.refresh(tokens["refresh_token"]).status_code for tokens in handed_out}
    return not any(alive) and refreshed <= {400}


def won(*answers: Any) -> list[dict[str, Any]]:
    """Return the tokens of the successful responses. All others must be refusals."""
    assert {answer.status_code for answer in answers} <= {200, 400}
    return [answer.json() for answer in answers if answer.status_code == 200]
