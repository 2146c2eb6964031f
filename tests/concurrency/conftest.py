"""Alice's browser and the client's server, in as many threads as a test likes."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client as Browser

from oauth_service.models import AuthorizationCode, Consent, Grant
from tests.guide import FORM, Guide


@dataclass
class Tabs:
    """Alice's browser, signed in beforehand: what a tab sends is the only thing that its thread writes."""

    guide: Guide
    browser: Browser

    def ask(self, **changes: str) -> Any:
        """GET /authorise/."""
        return self.browser.get("/authorise/", self.guide.request(**changes))

    def allow(self, **changes: str) -> Any:
        """POST /authorise/, the Allow button."""
        form = self.guide.request(response_type="", **changes)
        return self.browser.post("/authorise/", urlencode(form), content_type=FORM)

    def deauthorise(self) -> Any:
        """POST /oauth/deauthorise/."""
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
    """The client's secret is remembered, as in a running server: threads meet in the database, not in the hasher."""
    guide.post("/token/", {"grant_type": "none", "client_id": guide.client.client_id, "client_secret": "wrong"})
    guide.revoke("AT_unknown")


@dataclass(frozen=True)
class RowCounts:
    """How many rows there are."""

    consents: int
    codes: int
    grants: int


def row_counts() -> RowCounts:
    """How many rows there are now."""
    return RowCounts(Consent.objects.count(), AuthorizationCode.objects.count(), Grant.objects.count())


def is_dead(guide: Guide, *handed_out: dict[str, Any]) -> bool:
    """Whether no token of all that were handed out is good for anything."""
    # Access tokens first: an old refresh token would itself end what it hangs on.
    alive = [guide.is_alive(tokens["access_token"]) for tokens in handed_out]
    refreshed = {guide.refresh(tokens["refresh_token"]).status_code for tokens in handed_out}
    return not any(alive) and refreshed <= {400}


def won(*answers: Any) -> list[dict[str, Any]]:
    """The tokens of those answers that carry some; all others must be refusals."""
    assert {answer.status_code for answer in answers} <= {200, 400}
    return [answer.json() for answer in answers if answer.status_code == 200]
