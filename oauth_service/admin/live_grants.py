"""Numbers of live connections for the pages in the admin."""

from typing import Any

from django.db import models
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ..models import Grant
from ..models.consent import not_ended
from .model_admin import ModelAdmin


class CountedDeletion(ModelAdmin):
    """Shows the number of connections before a deletion, and not each one: a client can have a million."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        names = [str(each) for each in objs]
        return names, {_("connections"): live_grants_of(objs)}, set(), []


def live_grants(path: str) -> models.QuerySet[Grant]:
    now = timezone.now()
    live = {path: models.OuterRef("pk"), "expires_at__gt": now}
    return Grant.objects.filter(not_ended("consent__", now=now), **live).order_by()


def count_of_live(path: str) -> Any:
    # A subquery reads the grants of the rows on the page; a GROUP BY would read every grant.
    count = live_grants(path).values(path).annotate(count=models.Count("pk")).values("count")
    return Coalesce(models.Subquery(count), 0)


def live_grants_of(objs: Any) -> int:
    return sum(each.live_grants for each in objs)
