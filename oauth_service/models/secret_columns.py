"""
Columns that hold a secret: they are stored and read with their row, and nobody may ask for rows by them.

A lookup tells a secret a little at a time: whoever may filter by `secret__startswith` has it after a few hundred requests.
Django's admin lets staff filter by any column of a model that they may view. So these columns know no lookup,
whoever asks.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models.constants import LOOKUP_SEP


class SecretColumn:
    """
    What the fields below have in common.

    stored_as is the field of Django's that the column is for everybody who only stores and reads it, migrations among them.
    """

    stored_as: "ClassVar[type[models.Field[Any, Any]]]"

    def get_lookup(self, lookup_name: str) -> None:
        """Have none: a query that asks for one is a FieldError, as with a misspelt lookup."""

    def get_transform(self, lookup_name: str) -> None:
        """Have none."""

    def deconstruct(self: Any) -> Any:
        """Describe the field of Django's for a migration."""
        name, _path, args, kwargs = super().deconstruct()  # type: ignore[misc]
        return name, f"django.db.models.{self.stored_as.__name__}", args, kwargs


class SecretCharField(SecretColumn, models.CharField):  # type: ignore[type-arg]
    """A text that is a secret, or that one is checked with."""

    stored_as = models.CharField


class SecretBinaryField(SecretColumn, models.BinaryField):  # type: ignore[type-arg]
    """Bytes that are a secret."""

    stored_as = models.BinaryField


def leads_to_secret(model: type[models.Model], lookup: str) -> bool:
    """
    Tell whether a lookup ends in, or goes through, a secret column.

    Args:
        lookup: as filter() takes it: `consent__client__secret_hash__startswith`.
    """
    return any(isinstance(field, SecretColumn) for field in _fields_of(model, lookup))


def _fields_of(model: Any, lookup: str) -> Iterator[Any]:
    for part in lookup.split(LOOKUP_SEP):
        try:
            field = model._meta.pk if part == "pk" else model._meta.get_field(part)
        except FieldDoesNotExist:
            return  # a lookup or transform of the last field
        yield field
        if not (steps := getattr(field, "path_infos", None)):
            return
        model = steps[-1].to_opts.model
