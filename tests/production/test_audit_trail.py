"""The audit trail of a served site loses no waiting event when the server is asked to stop."""

import pytest

from tests.production.deployment import Deployment, Served, manage

pytestmark = pytest.mark.production


def test_waiting_events_are_written_when_the_server_stops(served: Served, on_postgres: Deployment) -> None:
    """Deployments are frequent and must not lose events, so workers write their waiting events before they end."""
    refused = [  # for different reasons, because equal refusals share a row
        {"client_id": "presc_man_123", "client_secret": "wrong"},
        {"client_id": "presc_man_123"},
        {"client_id": "nobody"},
    ]
    references = {
        served.http.post("/token/", data={"grant_type": "none"} | each).json()["reference"] for each in refused
    }
    assert served.stop() == 0
    program = (
        "from oauth_service.models import AuditEvent; print(*AuditEvent.objects.values_list('reference', flat=True))"
    )
    told = manage(served.environment, "shell", "--no-imports", "-c", program).split()
    assert references <= set(told)
