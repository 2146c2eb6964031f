"""The progress of a request through our pages: nobody can forge it, change it, or move it to another request."""

import base64
from collections.abc import Mapping

import pytest

from oauth_service.protocol import authorization_request, interaction
from oauth_service.protocol.interaction import Interaction
from oauth_service.protocol.parameters import Parameters

NOW = 1_000_000
KEY = b"k" * 32
HAPPENED = Interaction(since=NOW - 5, before="an event", account="7", stepped_up=True)
REQUEST = {name: f"the {name}" for name in authorization_request.CARRIED if name != interaction.PARAMETER}
# The consent page replaces a scope that was not sent; the other three do not affect the sign-in.
FREE = {"scope": True, "code_challenge_method": True, "login_hint": True, "ui_locales": True}


def read(text: str, changes: Mapping[str, str] = {}, *, key: bytes = KEY, now: int = NOW) -> Interaction:
    """Read the progress that a request carries."""
    sent = {**REQUEST, **changes, interaction.PARAMETER: text}
    return interaction.read(Parameters(sent.items()), keys=[b"o" * 32, key], now=now)


SEALED = HAPPENED.seal(Parameters(REQUEST.items()), key=KEY, now=NOW)


def test_it_comes_back_with_its_request() -> None:
    """Any of the server's token keys can have sealed it."""
    assert read(SEALED) == HAPPENED


@pytest.mark.parametrize("name", REQUEST)
def test_it_belongs_to_one_request(name: str) -> None:
    """A request with another nonce, state or address, or without one, is another request."""
    for value in ("another", ""):
        assert read(SEALED, {name: value}) == (HAPPENED if FREE.get(name) else Interaction()), value


def test_it_belongs_to_its_resources() -> None:
    """The resources and their order count; without any, the text is the same as before resources existed."""
    first, second = ("resource", "https://api.example/a"), ("resource", "https://api.example/b")
    sealed = HAPPENED.seal(Parameters([*REQUEST.items(), first, second]), key=KEY, now=NOW)
    carried = (interaction.PARAMETER, sealed)
    for resources, is_good in (([first, second], True), ([second, first], False), ([first], False), ([], False)):
        found = interaction.read(Parameters([*REQUEST.items(), *resources, carried]), keys=[KEY], now=NOW)
        assert found == (HAPPENED if is_good else Interaction())


@pytest.mark.parametrize(("seconds", "is_good"), [(0, True), (3600, True), (3601, False), (-60, True), (-61, False)])
def test_it_is_good_for_an_hour(seconds: int, is_good: bool) -> None:
    """A sign-in that was fresh when demanded yesterday no longer is."""
    assert read(SEALED, now=NOW + seconds) == (HAPPENED if is_good else Interaction())


def test_no_other_octets_are_good() -> None:
    """Another key, any changed bit and any truncation are refused."""
    assert read(SEALED, key=b"x" * 32) == Interaction()
    octets = base64.urlsafe_b64decode(SEALED + "=" * (-len(SEALED) % 4))
    for index in range(len(octets)):
        for changed in (octets[:index], octets[:index] + bytes([octets[index] ^ 1]) + octets[index + 1 :]):
            assert read(base64.urlsafe_b64encode(changed).rstrip(b"=").decode()) == Interaction(), index


@pytest.mark.parametrize("text", ["", "A", "AAAA", "é", "[]", "null", "AAAA" * 1000])
def test_nonsense_is_nothing(text: str) -> None:
    """Malformed text must not make the server fail."""
    assert read(text) == Interaction()
