"""Findings about several servers: one cannot open what another seals, or their settings differ."""

from dataclasses import replace
from typing import Any

import pytest

from oauth_service.watch.doctor.finding import Level
from oauth_service.watch.doctor.servers import Server, findings

HERE = Server(name="here", token_keys=("old",), secret_keys=("s",), settings={"A": "1", "B": "2"})


def found(**changes: Any) -> list[tuple[str, str, Level]]:
    """Findings about two servers, of which the second has these changes."""
    other = replace(HERE, **{"name": "there", **changes})
    return [(finding.id, finding.about, finding.level) for finding in findings([HERE, other])]


def test_servers_that_agree_are_in_order() -> None:
    """The number of servers does not matter."""
    assert list(findings([HERE, HERE, HERE])) == []
    assert list(findings([HERE])) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"token_keys": (), "secret_keys": (), "settings": {}}, [("keys-unknown", "there", Level.ERROR)]),
        # The key was replaced in one step: neither server can open what the other seals.
        ({"token_keys": ("new", "old")}, [("key-not-known", "here", Level.ERROR)]),
        ({"token_keys": ("new",)}, [("key-not-known", "here", Level.ERROR), ("key-not-known", "there", Level.ERROR)]),
        # The steps of docs/token-key.md.
        ({"token_keys": ("old", "new")}, [("keys-rolling", "", Level.NOTE)]),
        ({"secret_keys": ("t", "s")}, [("secret-key-not-known", "here", Level.ERROR)]),
        ({"settings": {"A": "1", "B": "3"}}, [("settings-differ", "", Level.WARNING)]),
        ({"settings": {"A": "1"}}, [("settings-differ", "", Level.WARNING)]),
        ({"missing": ("database",)}, [("server-not-ready", "there", Level.ERROR)]),
        (
            {"fault": "timed out", "token_keys": (), "secret_keys": (), "settings": {}},
            [("server-silent", "there", Level.ERROR)],
        ),
    ],
)
def test_each_disagreement_has_its_finding(changes: dict[str, Any], expected: list[tuple[str, str, Level]]) -> None:
    """Each finding has the right level, and names the server that needs a change."""
    assert found(**changes) == expected


def test_the_second_step_of_a_rollout_is_in_order_too() -> None:
    """Both servers know both keys, but seal with different ones."""
    before = replace(HERE, token_keys=("old", "new"))
    [finding] = findings([before, replace(HERE, name="there", token_keys=("new", "old"))])
    assert (finding.id, finding.level) == ("keys-rolling", Level.NOTE)


def test_every_server_whose_key_is_not_known_is_named_once() -> None:
    """Operators of many servers must see which ones are affected."""
    servers = [HERE, *[replace(HERE, name=name, token_keys=("new", "old")) for name in ("b", "a", "a")]]
    [finding] = findings(servers)
    assert finding.what == "The server cannot open tokens that are sealed by a, b."
