"""A project whose reads go to a replica: what ends something is asked and told where writes go."""

from typing import Any

import pytest
from django.db import connection, router
from django.test.utils import CaptureQueriesContext

from oauth_service.models import AuditEvent
from tests.guide import FORM, Guide


class Replica:
    """A router of a project's own; nobody has configured a database of this name, so that who asks it fails."""

    def db_for_read(self, model: object, **hints: Any) -> str:
        return "replica"

    def db_for_write(self, model: object, **hints: Any) -> str:
        return "default"


@pytest.fixture
def replica(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on reads go there."""
    monkeypatch.setattr(router, "routers", [Replica()])


def test_an_app_is_cut_off_where_its_consent_was_written(guide: Guide, request: pytest.FixtureRequest) -> None:
    """A replica may not know the consent yet, and takes no DELETE."""
    access_token = guide.tokens()["access_token"]
    guide.browser.force_login(guide.alice)
    request.getfixturevalue("replica")
    answer = guide.browser.post("/oauth/deauthorise/", f"client_id={guide.client.client_id}", content_type=FORM)
    assert (answer.status_code, guide.is_alive(access_token)) == (302, False)


def test_what_is_known_of_a_user_is_forgotten_where_it_was_written(
    guide: Guide, request: pytest.FixtureRequest
) -> None:
    """Else nobody could be deleted."""
    request.getfixturevalue("replica")
    with CaptureQueriesContext(connection) as asked:
        AuditEvent.objects.forget(guide.alice.pk)
    assert len(asked) == 1
