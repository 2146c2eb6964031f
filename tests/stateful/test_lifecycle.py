"""Codes, tokens and rows match the model after any sequence of events."""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.stateful.machine import Lifecycle

EXAMPLES = os.environ.get("STATEFUL_EXAMPLES")
STEPS = os.environ.get("STATEFUL_STEPS", "30")


@pytest.mark.django_db
def test_every_sequence_ends_as_the_model_says() -> None:
    """A short run with the same sequences each time. `make stateful` is the long run, with new ones each time."""
    run_state_machine_as_test(
        Lifecycle,
        settings=settings(
            max_examples=int(EXAMPLES or 15),
            stateful_step_count=int(STEPS),
            derandomize=EXAMPLES is None,
            database=None,
            deadline=None,
            print_blob=True,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
