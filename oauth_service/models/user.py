"""
The host project's user model, read by compiled statements: every column, in the model's order.

A statement is compiled once, so it cannot contain conditions that vary. A project's own manager may leave accounts out,
for example by tenant, and its backends may refuse accounts that are active. Such managers and backends are asked on
every use.
"""

from functools import cache
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import get_backends, get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.signals import setting_changed
from django.db import models
from django.dispatch import receiver
from django.utils.module_loading import import_string

from .. import database
from ..compiled.statement import Placeholder, Select

# Modules of the backends that decide by is_active alone: Django's, and this app's replacement.
_BACKENDS = ("django.contrib.auth.backends", "oauth_service.sessions")


@cache
def _model() -> type[AbstractBaseUser]:
    # Cached, because Django searches its app registry on each call.
    return get_user_model()


@cache
def columns() -> tuple[str, ...]:
    return tuple(field.name for field in get_user_model()._meta.concrete_fields)


@cache
def _attributes() -> tuple[str, ...]:
    return tuple(field.attname for field in get_user_model()._meta.concrete_fields)


def user_from_row(values: tuple[Any, ...]) -> AbstractBaseUser:
    """Make a user as the ORM would, from the values of columns()."""
    model = _model()
    return model.from_db(database.primary(model), _attributes(), values)


@cache
def columns_of_activity() -> tuple[str, ...]:
    """
    Return the columns that is_active() needs: only is_active if it is a column. It may also be a property or inherited.
    """
    return ("is_active",) if "is_active" in columns() else columns()


def is_active(pk: Any, values: tuple[Any, ...]) -> bool:
    """
    Return whether a user may act.

    Args:
        values: of columns_of_activity().
    """
    active = bool(values[0] if columns_of_activity() == ("is_active",) else user_from_row(values).is_active)
    return active and (are_plain() or admitted(pk) is not None)


def by_pk(pk: Any) -> AbstractBaseUser | None:
    """Return a user as the model's default manager finds them; None if it does not."""
    model: Any = get_user_model()
    if _is_plain_manager(model._default_manager.__class__):
        return _by_pk.one(pk=pk)
    users = model._default_manager.db_manager(database.primary(model))
    return cast("AbstractBaseUser | None", users.filter(pk=pk).first())


@cache
def are_plain() -> bool:
    """Return whether a user's row alone decides if they may act: manager and backends check nothing but is_active."""
    model: Any = get_user_model()
    return _is_plain_manager(model._default_manager.__class__) and _has_plain_backend()


def admitted(pk: Any) -> AbstractBaseUser | None:
    """
    Return a user as a sign-in would find them now; None if no backend would let them in.

    A token does not record which backend let its user in, so any backend will do.
    """
    backends: list[Any] = [backend for backend in get_backends() if hasattr(backend, "get_user")]
    found = by_pk(pk)
    for backend in backends:
        if not _is_one_of(type(backend).get_user, _BACKENDS):
            user = backend.get_user(pk)
        else:
            user = found if found and backend.user_can_authenticate(found) else None
        if user is not None:
            return cast("AbstractBaseUser", user)
    return None


@cache
def _is_plain_manager(manager: Any) -> bool:
    kinds = [*manager.__mro__, *manager._queryset_class.__mro__]
    own = {name for kind in kinds if kind.__module__.partition(".")[0] not in _NOT_THEIRS for name in vars(kind)}
    return not own & _READS


class _Documented:
    """A class without methods: Python itself adds these attributes, more of them with each version."""

    annotated: int


_NOT_THEIRS = ("django", "builtins", "typing")
# Methods of managers and querysets that Django calls to read a user.
_READS = {"__getattribute__", "__init__", "get_queryset", "db_manager", "using"} | {
    name for name in vars(models.QuerySet) if name in ("get", "filter", "first") or name.startswith("_")
} - {"__class_getitem__", *vars(_Documented)}


def _has_plain_backend() -> bool:
    paths = settings.AUTHENTICATION_BACKENDS
    return not paths or any(
        hasattr(backend, "user_can_authenticate")
        and _is_one_of(backend.get_user, _BACKENDS)
        and _is_one_of(backend.user_can_authenticate, _BACKENDS)
        for backend in map(import_string, paths)
    )


@receiver(setting_changed, dispatch_uid="oauth_service.models.user")
def _forget(**_: object) -> None:
    """Clear the caches when settings change, which happens in tests only."""
    are_plain.cache_clear()
    _model.cache_clear()


def _is_one_of(function: Any, modules: tuple[str, ...]) -> bool:
    return getattr(function, "__module__", "") in modules


_by_pk = Select(
    get_user_model,
    # Bypass the manager: its filter would be compiled in with the values of this moment.
    lambda: (
        models.QuerySet(get_user_model())
        .filter(pk=Placeholder("pk", get_user_model()._meta.pk))
        .values_list(*columns())
    ),
    user_from_row,
)
