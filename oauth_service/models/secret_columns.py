"""
Columns that hold a secret. They are stored and read with their row, but no query may filter by them.

A lookup leaks a secret bit by bit: a few hundred requests that filter by `secret__startswith` reveal all of it.
Django's admin lets staff filter by any column of a model that they may view. So these columns have no lookups at all.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models.constants import LOOKUP_SEP


class SecretColumn:
    """
    Base of the fields below.

    stored_as is the Django field that stores the column; migrations name it, too.
    """

    stored_as: "ClassVar[type[models.Field[Any, Any]]]"

    def get_lookup(self, lookup_name: str) -> None:
        """Return no lookup: a query that uses one raises FieldError, as for a misspelt lookup."""

    def get_transform(self, lookup_name: str) -> None:
        """Return no transform."""

    def deconstruct(self: Any) -> Any:
        """Name Django's own field, so that migrations do not depend on this class."""
        name, _path, args, kwargs = super().deconstruct()  # type: ignore[misc]
        return name, f"django.db.models.{self.stored_as.__name__}", args, kwargs


class SecretCharField(SecretColumn, models.CharField):  # type: ignore[type-arg]
    """A text that is a secret, or the hash of one."""

    stored_as = models.CharField


class SecretBinaryField(SecretColumn, models.BinaryField):  # type: ignore[type-arg]
    stored_as = models.BinaryField


def leads_to_secret(model: type[models.Model], lookup: str) -> bool:
    """
    Return whether a lookup ends in a secret column or passes through one.

    Args:
        lookup: as filter() takes it: `consent__client__secret_hash__startswith`.
    """
    return any(isinstance(field, SecretColumn) for field in _fields_of(model, lookup))


def _fields_of(model: Any, lookup: str) -> Iterator[Any]:
    for part in lookup.split(LOOKUP_SEP):
        try:
            field = model._meta.pk if part == "pk" else model._meta.get_field(part)
        except FieldDoesNotExist:
            return  # the rest is a lookup or a transform of the last field
        yield field
        if not (steps := getattr(field, "path_infos", None)):
            return
        model = steps[-1].to_opts.model
