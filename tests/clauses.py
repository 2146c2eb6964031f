"""@clause marks a test with the clause of a specification that it proves."""

import pytest


def clause(spec: str, section: str) -> pytest.MarkDecorator:
    """
    Mark a test with what it proves.

    Args:
        spec: "RFC 6749", "OpenID Connect Core"; section: "4.1.3".
    """
    return pytest.mark.clause(spec, section)
