"""The traces of self-registered clients: signals, audit trail and log; never a secret."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from oauth_service.models import AuditEvent, Client
from oauth_service.watch import audit
from tests.registration.actors import Software
from tests.registration.conftest import initial_token

Committed = Callable[[], AbstractContextManager[object]]


def test_each_step_of_a_registration_has_its_row(
    software: Software, presc_man: Client, committed: Committed, caplog: pytest.LogCaptureFixture
) -> None:
    """The rows name the client, the address, the registered metadata and its changes."""
    with committed(), caplog.at_level("INFO"):
        said = software.register(client_name="Prescription Manager")
        software.replace(client_name="Notes", token_endpoint_auth_method="client_secret_post")
        software.delete()
        token = initial_token()
        Software().register(token=token)
    audit.flush()
    rows = list(AuditEvent.objects.order_by("at", "pk").values_list("event", "client_id", "address", "reason"))
    own = said["client_id"]
    imitates = "open registration; its name looks like that of Prescription Manager"
    assert rows[:3] == [
        ("client_registered", own, "127.0.0.1", imitates),
        ("registration_changed", own, "127.0.0.1", "by itself"),
        ("registration_ended", own, "127.0.0.1", "by itself"),
    ]
    assert rows[3][3].startswith("initial access token ")
    changed = AuditEvent.objects.get(event="registration_changed").changes
    assert "client_name: Prescription Manager → Notes" in changed
    secrets = [said["client_secret"], said["registration_access_token"], token]
    told = caplog.text + str(list(AuditEvent.objects.values()))
    assert [secret for secret in secrets if secret in told] == []
