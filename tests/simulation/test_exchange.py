"""An exchange knows the steps of its two messages, can be stored, and never shows its secrets by accident."""

from dataclasses import replace

import pytest

from simulation.exchange import APP as APP_ITSELF
from simulation.exchange import Exchange
from tests.simulation.test_notation import ALICE, APP

TO_THE_APP = (("Location", "http://127.0.0.1:5000/callback?code=SPL__a-Random-UrlSafe-String-1234"),)
TO_SIGN_IN = (("Location", "/login/?next=/authorise/"),)


def test_an_exchange_survives_json() -> None:
    """The lifecycle page stores its recording between requests."""
    exchange = replace(
        APP, request_body='{"code": "é\u2028"}', response_headers=(("Set-Cookie", "a=b"), ("Set-Cookie", "c=d"))
    )
    assert Exchange.from_json(exchange.to_json()) == exchange


def test_a_repr_shows_no_secret() -> None:
    """Reprs end up in logs and tracebacks."""
    secret = "Zq7-secret-Zq7"
    exchange = replace(
        APP,
        url=f"http://user:{secret}@localhost:8000/token/?code={secret}",
        request_headers=(("Authorization", f"Basic {secret}"),),
        request_body=f'{{"client_secret": "{secret}"}}',
        response_headers=(("Set-Cookie", f"sessionid={secret}"),),
        response_body=f'{{"access_token": "{secret}"}}',
    )
    assert repr(exchange) == "<Exchange step 1: POST localhost/token/ -> 200>"


@pytest.mark.parametrize(
    ("step", "headers", "response_step"),
    [
        (1, TO_SIGN_IN, 1),
        (1, TO_THE_APP, 3),
        (2, TO_SIGN_IN, 2),
        (2, TO_THE_APP, 3),
        (4, (), 5),
        (6, (), 6),
        (9, TO_THE_APP, 9),
    ],
)
def test_the_guide_counts_some_responses_as_steps_of_their_own(
    step: int, headers: tuple[tuple[str, str], ...], response_step: int
) -> None:
    """Step 3 is the redirect that leaves the server, whichever request it answers; step 5 is the response to step 4."""
    assert replace(ALICE, step=step, response_headers=headers).response_step == response_step


def test_the_apps_own_redirect_is_no_authorization_response() -> None:
    """The redirect leaves the app, not the server."""
    exchange = replace(ALICE, receiver=APP_ITSELF, response_headers=(("Location", "http://localhost:9000/authorise/"),))
    assert exchange.response_step == 1


def test_a_header_is_found_whatever_its_case() -> None:
    """HTTP header names are case-insensitive."""
    assert replace(ALICE, response_headers=(("cache-control", "no-store"),)).header("Cache-Control") == "no-store"
