"""Output of the commands: JSON for programs, a table for people."""

import json
from collections.abc import Sequence
from typing import Any

from django.core.management.base import OutputWrapper


def write_json(stdout: OutputWrapper, value: Any) -> None:
    """Print a value as JSON."""
    stdout.write(json.dumps(value, indent=2, ensure_ascii=False))


def write_table(stdout: OutputWrapper, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under the names of their columns, each column as wide as its widest cell."""
    table = [columns, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
