"""The messages of a browser session, kept for /lifecycle/ while DEBUG is on."""

import uuid
from datetime import datetime, timedelta

from django.db import models

from prescription_manager_app.sealing import UnreadableError, seal, unseal
from simulation.exchange import Exchange

KEPT_PER_STEP = 6
KEPT_FOR = timedelta(hours=12)


class RecordedExchangeQuerySet(models.QuerySet["RecordedExchange"]):
    """Bounded both ways: the newest few of each step, and none of yesterday's."""

    def record(self, journey: str, exchange: Exchange, *, experiment: str, now: datetime) -> None:
        """Keep one exchange, encrypted: it holds codes, tokens and the client secret."""
        self.create(
            journey=uuid.UUID(journey),
            experiment=experiment,
            step=exchange.step,
            sealed=seal(exchange.to_json(), owner=journey),
            recorded_at=now,
        )
        same = self.filter(journey=journey, experiment=experiment, step=exchange.step).order_by("-pk")
        self.filter(pk__in=list(same.values_list("pk", flat=True)[KEPT_PER_STEP : 2 * KEPT_PER_STEP])).delete()
        self.filter(recorded_at__lt=now - KEPT_FOR).delete()

    def of(self, journey: str, *, experiment: str) -> list[Exchange]:
        """The exchanges of one browser session, or of one experiment in it, in the order they began."""
        found = []
        for row in self.filter(journey=journey, experiment=experiment):
            try:
                found.append(Exchange.from_json(unseal(row.sealed, owner=journey)))
            except UnreadableError:
                continue  # SECRET_KEY was changed since: what cannot be read is not shown
        return sorted(found, key=lambda exchange: exchange.started_at)


class RecordedExchange(models.Model):
    """
    One request and its response; its content is sealed.

    Attributes:
        journey: names the browser session, and outlives its logout so that Step 9 can be shown.
        experiment: name of the experiment that sent it; "" for what the app does by itself.
    """

    journey = models.UUIDField(db_index=True)
    experiment = models.CharField(max_length=40, blank=True)
    step = models.PositiveSmallIntegerField()
    sealed = models.BinaryField()
    recorded_at = models.DateTimeField(db_index=True)

    objects = RecordedExchangeQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.journey} {self.recorded_at:%H:%M:%S}"
