"""Report of a third-party client to the test that started it."""

import json
import sys


def tell(**given: object) -> None:
    """Print a JSON object to standard output, which is the test's end of a pipe."""
    json.dump(given, sys.stdout)
