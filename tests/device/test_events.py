"""Events of devices: signals, the audit trail, metrics, and the user's own list."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.contrib.auth.models import User

from oauth_service import signals
from oauth_service.models import AuditEvent, Grant
from oauth_service.watch import audit
from tests.device.actors import Device, Visitor

Committed = Callable[[], AbstractContextManager[object]]


def test_what_happens_to_a_device_has_its_rows(
    tv: Device, visitor: Visitor, alice: User, committed: Committed, caplog: pytest.LogCaptureFixture
) -> None:
    """Each row has the user, client, connection and address, but never a code."""
    allowed, denied = tv.begun(), tv.begun()
    with committed(), caplog.at_level("INFO"):
        visitor.enter("ZZZZ-ZZZZ")
        visitor.allow(allowed["user_code"])
        tv.poll(allowed["device_code"])
        grant_id = Grant.objects.get().pk
        tv.poll(allowed["device_code"])
        visitor.deny(denied["user_code"])
    audit.flush()
    rows = list(AuditEvent.objects.values_list("event", "outcome", "user_id", "client_id", "address", "reason"))
    who, by = (alice.pk, "tv_app", "127.0.0.1"), "it was used again, and its connection was ended"
    assert ("user_code_refused", "refused", alice.pk, "", "127.0.0.1", "no device waits under it") in rows
    assert ("device_approved", "done", *who, "") in rows
    assert ("device_denied", "refused", *who, "") in rows
    assert ("device_code_replayed", "refused", *who, by) in rows
    of_grant = AuditEvent.objects.filter(grant_id=grant_id).values_list("event", flat=True)
    assert set(of_grant) == {"device_approved", "token_issued", "device_code_replayed"}
    codes = [each[name] for each in (allowed, denied) for name in ("user_code", "device_code")]
    assert [code for code in [*codes, "ZZZZ"] if code in caplog.text] == []


def test_the_person_reads_of_it(tv: Device, visitor: Visitor, committed: Committed) -> None:
    """The user reads about the decision beside the connected apps."""
    with committed():
        visitor.allow(tv.begun()["user_code"])
        visitor.deny(tv.begun()["user_code"])
    audit.flush()
    page = visitor.open("/manage-apps/").content.decode()
    assert "You allowed a device to connect to Wonder TV" in page
    assert "You did not allow a device to connect to Wonder TV" in page


@pytest.mark.parametrize("name", ["device_approved", "device_denied", "device_code_replayed", "user_code_refused"])
def test_each_event_is_a_signal_with_its_facts(name: str) -> None:
    """Host projects connect receivers to these signals."""
    heard: list[dict[str, Any]] = []

    def hear(**facts: Any) -> None:
        heard.append(facts)

    signal = getattr(signals, name)
    signal.connect(hear)
    try:
        signals._tell(signal, {"user_id": 1, "reason": "throttled"})
    finally:
        signal.disconnect(hear)
    assert heard[0]["user_id"] == 1


def test_devices_are_counted() -> None:
    """Decisions, wrong codes and replays have labels of their own."""
    metrics = pytest.importorskip("oauth_service.watch.metrics")
    metrics._count_approved_device()
    metrics._count_denied_device()
    metrics._count_replayed_device_code()
    metrics._count_refused_user_code(reason="throttled")
    text = metrics.generate_latest(metrics._registry).decode()
    for line in (
        'oauth_service_devices_total{decision="approved"}',
        'oauth_service_devices_total{decision="denied"}',
        'oauth_service_replays_total{token_type="device_code"}',
        'oauth_service_refusals_total{reason="throttled",who="user_code"}',
    ):
        assert line in text
