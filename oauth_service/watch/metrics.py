"""
Metrics for Prometheus, fed by signals: a server without metrics counts nothing.

Needs prometheus_client (extra `metrics`) and is imported only if metrics are wanted. To count across several processes,
set PROMETHEUS_MULTIPROC_DIR to a folder that is empty when they start.
"""

import logging
import os
from collections.abc import Callable, Iterator

from django.db import Error, models
from django.dispatch import Signal
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from .. import database, signals
from ..models import purge

logger = logging.getLogger("oauth_service.metrics")

CONTENT_TYPE = CONTENT_TYPE_LATEST
MOST_BACKLOG = 10_000  # counted no further: only its growth matters
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

_registry = CollectorRegistry()
# No label has a value that a client chose: all values are our own, and there are few.
_requests = Counter(
    "oauth_service_requests", "Requests, by outcome.", ["endpoint", "status", "error"], registry=_registry
)
_seconds = Histogram(
    "oauth_service_request_seconds", "Time until the response.", ["endpoint"], buckets=SECONDS, registry=_registry
)
_issued = Counter("oauth_service_tokens_issued", "Access tokens issued.", ["grant_type"], registry=_registry)
_retries = Counter(
    "oauth_service_refresh_retries", "Repeated refreshes that got the same tokens again.", registry=_registry
)
_replays = Counter(
    "oauth_service_replays",
    "Codes and refresh tokens that were used a second time.",
    ["token_type"],
    registry=_registry,
)
_shared = Counter(
    "oauth_service_shared_refresh_tokens",
    "Connections whose refresh tokens seem to be in two places.",
    registry=_registry,
)
_refusals = Counter(
    "oauth_service_refusals",
    "Refused credentials: of clients and users, assertions, codes of devices.",
    ["who", "reason"],
    registry=_registry,
)
_devices = Counter("oauth_service_devices", "Devices that a user allowed or denied.", ["decision"], registry=_registry)
_registrations = Counter(
    "oauth_service_registrations",
    "Registrations that clients created, changed or deleted.",
    ["what"],
    registry=_registry,
)
_endings = Counter(
    "oauth_service_endings",
    "Revoked tokens, deauthorised apps and users signed out everywhere.",
    ["what"],
    registry=_registry,
)


class _Backlog(Collector):
    """The dead rows that the sweep has not reached yet, counted when the metrics are read."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "oauth_service_sweep_backlog",
            f"Expired rows that are not deleted yet, {MOST_BACKLOG} at most.",
            labels=["table"],
        )
        try:
            for model in purge.swept_tables():
                family.add_metric([model._meta.model_name or ""], _dead(model))
        except Error:
            # The other metrics are in this machine's memory, and are needed most while the database is unavailable.
            logger.warning("the expired rows that wait for deletion could not be counted", exc_info=True)
            return
        yield family


def exposition() -> bytes:
    """Return everything that all processes counted, in Prometheus's text format."""
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        everybodys = CollectorRegistry()
        MultiProcessCollector(everybodys, path=folder)  # type: ignore[no-untyped-call]
    else:
        everybodys = _registry
    backlog = CollectorRegistry()
    backlog.register(_Backlog())
    return generate_latest(everybodys) + generate_latest(backlog)


def connect() -> None:
    """Start counting."""
    receivers: dict[Signal, Callable[..., None]] = {
        signals.request_answered: _count_request,
        signals.token_issued: _count_issued,
        signals.token_refreshed: _count_issued,
        signals.token_exchanged: _count_issued,
        signals.refresh_retried: _count_retry,
        signals.code_replayed: _count_replayed_code,
        signals.device_code_replayed: _count_replayed_device_code,
        signals.device_approved: _count_approved_device,
        signals.device_denied: _count_denied_device,
        signals.user_code_refused: _count_refused_user_code,
        signals.refresh_replayed: _count_replayed_refresh_token,
        signals.refresh_shared: _count_shared,
        signals.client_refused: _count_refused_client,
        signals.assertion_refused: _count_refused_assertion,
        signals.login_refused: _count_refused_login,
        signals.token_revoked: _count_revoked,
        signals.app_deauthorised: _count_deauthorised,
        signals.client_registered: _count_registered,
        signals.registration_changed: _count_changed_registration,
        signals.registration_ended: _count_ended_registration,
        signals.user_tokens_revoked: _count_revoked_user,
    }
    for signal, receiver in receivers.items():
        signal.connect(receiver, dispatch_uid="oauth_service.metrics")


def _dead(model: type[models.Model]) -> int:
    dead = model._default_manager.using(database.primary(model)).filter(purge_at__lte=timezone.now())
    return dead.order_by()[:MOST_BACKLOG].count()


def _count_request(*, endpoint: str, status: int, error: str, seconds: float, **_: object) -> None:
    _requests.labels(endpoint, str(status), error).inc()
    _seconds.labels(endpoint).observe(seconds)


def _count_issued(*, grant_type: str, **_: object) -> None:
    _issued.labels(grant_type).inc()


def _count_retry(**_: object) -> None:
    _retries.inc()


def _count_replayed_code(**_: object) -> None:
    _replays.labels("authorization_code").inc()


def _count_replayed_device_code(**_: object) -> None:
    _replays.labels("device_code").inc()


def _count_approved_device(**_: object) -> None:
    _devices.labels("approved").inc()


def _count_denied_device(**_: object) -> None:
    _devices.labels("denied").inc()


def _count_refused_user_code(*, reason: str, **_: object) -> None:
    _refusals.labels("user_code", reason).inc()


def _count_replayed_refresh_token(**_: object) -> None:
    _replays.labels("refresh_token").inc()


def _count_shared(**_: object) -> None:
    _shared.inc()


def _count_refused_client(*, reason: str, **_: object) -> None:
    _refusals.labels("client", reason).inc()


def _count_refused_assertion(**_: object) -> None:
    _refusals.labels("issuer", "assertion").inc()


def _count_refused_login(*, reason: str, **_: object) -> None:
    _refusals.labels("user", reason).inc()


def _count_registered(**_: object) -> None:
    _registrations.labels("registered").inc()


def _count_changed_registration(**_: object) -> None:
    _registrations.labels("changed").inc()


def _count_ended_registration(**_: object) -> None:
    _registrations.labels("ended").inc()


def _count_revoked(*, token_type: str, **_: object) -> None:
    _endings.labels(token_type).inc()


def _count_deauthorised(**_: object) -> None:
    _endings.labels("app").inc()


def _count_revoked_user(**_: object) -> None:
    _endings.labels("user").inc()
