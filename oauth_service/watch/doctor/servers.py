"""
Findings about several servers of one deployment: each must know the keys of the others and have the same settings.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ... import documentation
from .finding import Finding, error, note, warning


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """
    A response of a server, or the facts of this process itself.

    Attributes:
        token_keys, secret_keys: digests of the keys that it knows, the one in use first.
        settings: digests by the name of the setting.
        missing: the reasons why it is not ready.
        fault: the reason why there is no response.

    token_keys, secret_keys and settings are empty if it knows none of the token keys of this process.
    """

    name: str
    token_keys: tuple[str, ...] = ()
    secret_keys: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    fault: str = ""


def findings(servers: Sequence[Server]) -> Iterator[Finding]:
    """Judge the servers. The first is this process."""
    for server in servers:
        if server.fault:
            yield error(
                "server-silent",
                f"The server does not respond: {server.fault}.",
                why="Requests to this server fail, and its keys and settings cannot be compared.",
                remedy="Check that the server is running, and that --server is its own address and the port that it listens on.",
                about=server.name,
            )
        elif server.missing:
            yield error(
                "server-not-ready",
                f"The server is not ready: {', '.join(server.missing)}.",
                why="Requests that need a missing part fail on this server.",
                remedy="Correct what the message names.",
                about=server.name,
            )
    answered = [server for server in servers if not server.fault]
    for server in answered:
        if not server.token_keys:
            yield error(
                "keys-unknown",
                "The server has none of the token keys of this process.",
                why="The servers do not accept tokens and codes of each other, and answer invalid_grant.",
                remedy=f"Give all servers the same keys, in the order of {documentation.page('token-key')}.",
                about=server.name,
            )
    known = [server for server in answered if server.token_keys]
    yield from _of_keys(known)
    yield from _of_settings(known)


def _of_keys(servers: Sequence[Server]) -> Iterator[Finding]:
    for server in servers:
        if lacking := sorted({each.name for each in servers if each.token_keys[0] not in server.token_keys}):
            yield error(
                "key-not-known",
                f"The server cannot open tokens that are sealed by {', '.join(lacking)}.",
                why="It refuses their codes and refresh tokens with invalid_grant, and their access tokens with invalid_token.",
                remedy="Add the missing key to OAUTH_SERVICE_TOKEN_KEY_FALLBACKS of this server. "
                "Add a new key to the fallbacks of all servers before any server uses it.",
                about=server.name,
            )
        if lacking := sorted({each.name for each in servers if each.secret_keys[0] not in server.secret_keys}):
            yield error(
                "secret-key-not-known",
                f"The server does not have the SECRET_KEY of {', '.join(lacking)}.",
                why="Users who signed in at one of these servers are signed out at the other.",
                remedy="Give all servers the same SECRET_KEY. "
                "Add a new key to SECRET_KEY_FALLBACKS of all servers before any server uses it.",
                about=server.name,
            )
    if len({server.token_keys for server in servers}) > 1 and all(
        each.token_keys[0] in server.token_keys for each in servers for server in servers
    ):
        yield note(
            "keys-rolling",
            "The servers have different token keys, but each accepts the tokens of the others.",
            why="This is correct while you replace a key, but the change is not complete.",
            remedy=f"Continue with the steps of {documentation.page('token-key')}. Complete each step on all servers.",
        )


def _of_settings(servers: Sequence[Server]) -> Iterator[Finding]:
    names = sorted({name for server in servers for name in server.settings})
    if differing := [name for name in names if len({server.settings.get(name) for server in servers}) > 1]:
        yield warning(
            "settings-differ",
            f"The servers have different values of {', '.join(differing)}.",
            why="Users and apps get different responses, depending on the server that answers.",
            remedy="Give all servers the same settings. If a rollout is in progress, complete it.",
        )
