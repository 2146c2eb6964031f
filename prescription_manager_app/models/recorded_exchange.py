"""Messages of a browser session, kept for /lifecycle/ while DEBUG is on."""

import uuid
from datetime import datetime, timedelta

from django.db import models

from prescription_manager_app.sealing import UnreadableError, seal, unseal
from simulation.exchange import Exchange

KEPT_PER_STEP = 6
KEPT_RUNS = 8  # of an experiment; one for each tab that tries it
KEPT_FOR = timedelta(hours=12)


class RecordedExchangeQuerySet(models.QuerySet["RecordedExchange"]):
    """Keeps the newest messages of each step, for KEPT_FOR at most."""

    def record(
        self, journey: str, exchange: Exchange, *, experiment: str, run: uuid.UUID | None, now: datetime
    ) -> None:
        """Keep an exchange, encrypted: it holds codes, tokens and the client secret."""
        self.create(
            journey=uuid.UUID(journey),
            experiment=experiment,
            run=run,
            step=exchange.step,
            sealed=seal(exchange.to_json(), owner=journey),
            recorded_at=now,
        )
        same = self.filter(journey=journey, experiment=experiment, run=run, step=exchange.step).order_by("-pk")
        self.filter(pk__in=list(same.values_list("pk", flat=True)[KEPT_PER_STEP : 2 * KEPT_PER_STEP])).delete()
        self.filter(recorded_at__lt=now - KEPT_FOR).delete()

    def runs(self, journey: str, *, experiment: str) -> list[uuid.UUID]:
        """Runs of an experiment in a browser session, newest first."""
        rows = self.filter(journey=journey, experiment=experiment).order_by("-pk").values_list("run", flat=True)
        return list(dict.fromkeys(run for run in rows if run))

    def forget_runs(self, journey: str, *, experiment: str) -> None:
        """Delete all but the newest runs of an experiment; other tabs may still show those."""
        old = self.runs(journey, experiment=experiment)[KEPT_RUNS:]
        self.filter(journey=journey, experiment=experiment, run__in=old).delete()

    def of(self, journey: str, *, experiment: str = "", run: uuid.UUID | None = None) -> list[Exchange]:
        """Exchanges of a browser session, or of one run of an experiment in it, in the order they began."""
        found = []
        for row in self.filter(journey=journey, experiment=experiment, run=run):
            try:
                found.append(Exchange.from_json(unseal(row.sealed, owner=journey)))
            except (UnreadableError, ValueError, TypeError, KeyError):
                continue  # SECRET_KEY or the release has changed since: unreadable exchanges are not shown
        return sorted(found, key=lambda exchange: exchange.started_at)


class RecordedExchange(models.Model):
    """
    A request and its response; the content is sealed.

    Attributes:
        journey: id of the browser session's recording. It outlives the logout so that Step 9 can be shown.
        experiment: name of the experiment that sent the request; "" for the app's own requests.
        run: id of the run of the experiment, in any tab; None without an experiment.
    """

    journey = models.UUIDField(db_index=True)
    experiment = models.CharField(max_length=40, blank=True)
    run = models.UUIDField(null=True)
    step = models.PositiveSmallIntegerField()
    sealed = models.BinaryField()
    recorded_at = models.DateTimeField(db_index=True)

    objects = RecordedExchangeQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.journey} {self.recorded_at:%H:%M:%S}"
