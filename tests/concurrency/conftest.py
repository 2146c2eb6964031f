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
class Rows:
    """How many rows there are."""

    consents: int
    codes: int
    grants: int


def rows() -> Rows:
    """How many rows there are now."""
    return Rows(Consent.objects.count(), AuthorizationCode.objects.count(), Grant.objects.count())


def is_dead(guide: Guide, tokens: dict[str, Any]) -> bool:
    """Whether neither token is good for anything."""
    return not guide.is_alive(tokens["access_token"]) and guide.refresh(tokens["refresh_token"]).status_code == 400
