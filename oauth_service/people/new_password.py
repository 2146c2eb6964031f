"""
End of a user's connections at a new password, if OAUTH_SERVICE_END_CONNECTIONS_ON_PASSWORD_CHANGE is on.

It uses the signals that Django sends for every saved model. This module is not loaded if the setting is off.
"""

from collections.abc import Collection, Iterable
from typing import Any

from django.contrib.auth.hashers import get_hasher, identify_hasher
from django.db import models
from django.db.models.signals import post_save, pre_save

from .. import signals
from ..models import Consent

REASON = "new password"
_CHANGED = "_oauth_service_new_password"


def connect(users: Iterable[type[models.Model]]) -> None:
    """Watch every saved user, under each class of the model."""
    for user in users:
        pre_save.connect(_compare, sender=user, dispatch_uid="oauth_service.new_password")
        post_save.connect(_end, sender=user, dispatch_uid="oauth_service.new_password")


def disconnect(users: Iterable[type[models.Model]]) -> None:
    """Stop watching."""
    for user in users:
        pre_save.disconnect(sender=user, dispatch_uid="oauth_service.new_password")
        post_save.disconnect(sender=user, dispatch_uid="oauth_service.new_password")


def end_connections(user_id: Any) -> None:
    """
    Withdraw all that a user has allowed: consents, pending codes and tokens, including those that a request is about to
    write.

    For code that changes a password without the model's save(), such as a queryset's update().
    """
    for client_id in Consent.objects.withdraw_all(user_id):
        signals.announce(signals.app_deauthorised, user_id=user_id, client_id=client_id, reason=REASON)


def _compare(
    sender: type[models.Model],
    instance: Any,
    using: str,
    update_fields: Collection[str] | None = None,
    **_: object,
) -> None:
    # A sign-in saves last_login only, and costs nothing here.
    if instance.pk is None or (update_fields is not None and "password" not in update_fields):
        return
    [before] = sender._base_manager.using(using).filter(pk=instance.pk).values_list("password", flat=True) or [None]
    if before is None or before == instance.password or _is_hashed_anew(instance, before, update_fields):
        return
    setattr(instance, _CHANGED, True)


def _end(sender: type[models.Model], instance: Any, **_: object) -> None:
    if instance.__dict__.pop(_CHANGED, False):
        end_connections(instance.pk)


def _is_hashed_anew(instance: Any, before: str, update_fields: Collection[str] | None) -> bool:
    """
    Return whether Django only stores the same password with a stronger hash, as it does at a sign-in
    (check_password()).
    """
    if set(update_fields or ()) != {"password"} or getattr(instance, "_password", None) is not None:
        return False
    try:
        hasher = identify_hasher(before)
    except ValueError:
        return False
    preferred = get_hasher()
    return hasher.algorithm != preferred.algorithm or preferred.must_update(before)
