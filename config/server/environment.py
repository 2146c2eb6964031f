"""Numbers from the environment."""

import os

from django.core.exceptions import ImproperlyConfigured


def number(name: str, default: int, *, least: int = 0, most: int = 999_999_999) -> int:
    """
    Return a whole number from the environment; the default if it is unset or empty.

    Raises:
        ImproperlyConfigured: not a whole number, too small or too great; the message says so.
    """
    text = os.environ.get(name) or str(default)
    # Checks the length first, because int() refuses thousands of digits.
    if not text.isdecimal() or len(text) > len(str(most)) or not least <= int(text) <= most:
        raise ImproperlyConfigured(f"{name} must be a whole number from {least} to {most}.")
    return int(text)
