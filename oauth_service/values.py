"""Values: dataclasses that nothing changes after they are made."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value_class(*, kw_only: bool = False, repr: bool = True) -> Callable[[type[T]], type[T]]:  # noqa: A002 - dataclass()'s own name
    """
    Make a class a dataclass with slots that mypy keeps from being changed.

    It is for the values that each request makes. They are not frozen at run time: Python sets every field of a frozen dataclass
    by object.__setattr__(), which takes five times as long, and the values of one request have dozens of fields. They are equal
    and hashable as frozen ones are.
    """
    return dataclass(slots=True, kw_only=kw_only, repr=repr, unsafe_hash=True)
