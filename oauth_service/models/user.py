"""The host project's user, read by statements of ours: every column, in the order that the model has them."""

from functools import cache
from typing import Any, cast

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser

from .. import database
from ..compiled.statement import Placeholder, Select


@cache
def columns() -> tuple[str, ...]:
    """The names of the user model's columns."""
    return tuple(field.name for field in get_user_model()._meta.concrete_fields)


@cache
def _attributes() -> tuple[str, ...]:
    return tuple(field.attname for field in get_user_model()._meta.concrete_fields)


def made_of(values: tuple[Any, ...]) -> AbstractBaseUser:
    """A user as the ORM would make it, of the values of columns()."""
    model = get_user_model()
    return cast("AbstractBaseUser", model.from_db(database.primary(model), _attributes(), values))


def by_pk(pk: Any) -> AbstractBaseUser | None:
    """A user, None if there is none."""
    return _by_pk.one(pk=pk)


_by_pk = Select(
    get_user_model,
    lambda: (
        get_user_model()
        ._default_manager.using(database.primary(get_user_model()))
        .filter(pk=Placeholder("pk", get_user_model()._meta.pk))
        .values_list(*columns())
    ),
    made_of,
)
