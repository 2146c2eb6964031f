"""Secrets in memory (RFC 6819 section 5.1.4.1): repr(), str(), format() and pickle do not show the value."""

import hmac
from typing import NoReturn

SHOWN = "Secret(…)"


class Secret:
    """
    A secret text: a token, a code, a client secret, or something that one is checked with.

    Logs, error reports and debuggers show SHOWN. bool() is False if it is empty; two secrets are compared in constant time.
    """

    __hash__ = None  # type: ignore[assignment] # lookups in a set or dict of secrets would leak them by their timing
    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text itself, to check or send it."""
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
