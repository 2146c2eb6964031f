"""
The host project's user, read by statements of ours: every column, in the order that the model has them.

A statement is compiled once, and so has nothing in it that may vary. A project's own manager may leave accounts out, by tenant or
by time, and its backends may let nobody in who has left: where there are such, they are asked each time.
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

# Where Django, and this app in its place, say who may sign in.
_BACKENDS = ("django.contrib.auth.backends", "oauth_service.sessions")


@cache
def _model() -> type[AbstractBaseUser]:
    # Django looks it up in its registry of apps each time.
    return get_user_model()


@cache
def columns() -> tuple[str, ...]:
    """The names of the user model's columns."""
    return tuple(field.name for field in get_user_model()._meta.concrete_fields)


@cache
def _attributes() -> tuple[str, ...]:
    return tuple(field.attname for field in get_user_model()._meta.concrete_fields)


def made_of(values: tuple[Any, ...]) -> AbstractBaseUser:
    """A user as the ORM would make it, of the values of columns()."""
    model = _model()
    return model.from_db(database.primary(model), _attributes(), values)


@cache
def columns_of_activity() -> tuple[str, ...]:
    """The columns that is_active() asks for: one, unless a model computes it; Django's base class says yes to all."""
    return ("is_active",) if "is_active" in columns() else columns()


def is_active(pk: Any, values: tuple[Any, ...]) -> bool:
    """
    Tell whether a user may act.

    Args:
        values: of columns_of_activity().
    """
    active = bool(values[0] if columns_of_activity() == ("is_active",) else made_of(values).is_active)
    return active and (are_plain() or admitted(pk) is not None)


def by_pk(pk: Any) -> AbstractBaseUser | None:
    """A user as the manager of the model finds them, None if it finds none."""
    model: Any = get_user_model()
    if _is_plain_manager(model._default_manager.__class__):
        return _by_pk.one(pk=pk)
    users = model._default_manager.db_manager(database.primary(model))
    return cast("AbstractBaseUser | None", users.filter(pk=pk).first())


@cache
def are_plain() -> bool:
    """Tell whether a user's row alone says that they may act: manager and backends look at nothing but is_active."""
    model: Any = get_user_model()
    return _is_plain_manager(model._default_manager.__class__) and _has_plain_backend()


def admitted(pk: Any) -> AbstractBaseUser | None:
    """
    A user as sign-in would find them now; None if no backend would let them in.

    Which backend let them in once is not known of a token: any of them will do.
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


_NOT_THEIRS = ("django", "builtins", "typing")
# What Django calls on the way to a user, of a manager or of the rows that it makes.
_READS = {"__getattribute__", "__init__", "get_queryset", "db_manager", "using"} | {
    name for name in vars(models.QuerySet) if name in ("get", "filter", "first") or name.startswith("_")
} - {"__module__", "__doc__", "__dict__", "__weakref__", "__class_getitem__"}


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
    """Settings change in tests only, and Django tells of it."""
    are_plain.cache_clear()
    _model.cache_clear()


def _is_one_of(function: Any, modules: tuple[str, ...]) -> bool:
    return getattr(function, "__module__", "") in modules


_by_pk = Select(
    get_user_model,
    # Not by the manager: its filter would be compiled in as it is at this moment.
    lambda: (
        models.QuerySet(get_user_model())
        .filter(pk=Placeholder("pk", get_user_model()._meta.pk))
        .values_list(*columns())
    ),
    made_of,
)
