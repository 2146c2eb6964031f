"""The marker @clause names the clause of a specification that a test proves."""

import pytest


def clause(spec: str, section: str) -> pytest.MarkDecorator:
    """
    Mark a test with the clause that it proves.

    Args:
        spec: "RFC 6749", "OpenID Connect Core"; section: "4.1.3".
    """
    return pytest.mark.clause(spec, section)
