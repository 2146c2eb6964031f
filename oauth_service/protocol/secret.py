"""Secrets in memory (RFC 6819 section 5.1.4.1): a value that repr(), str(), format() and pickle do not show."""

import hmac
from typing import NoReturn

SHOWN = "Secret(…)"


class Secret:
    """
    A text that proves something: a token, a code, a client secret, or what one is checked with.

    Logs, reports of errors and debuggers show SHOWN. It is true unless it is empty; two are compared in constant time.
    """

    __hash__ = None  # type: ignore[assignment] # a set or dict of secrets would tell by its timing which it has
    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself, for the one who checks or sends it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __repr__(self) -> str:
        return SHOWN

    def __format__(self, specification: str) -> str:
        return format(SHOWN, specification)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")
