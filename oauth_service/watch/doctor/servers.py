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
                f"It does not answer: {server.fault}.",
                why="Requests that come to it fail, and nobody can tell what it runs with.",
                remedy="See that it runs, and that --server is its own address, with the port that it listens on.",
                about=server.name,
            )
        elif server.missing:
            yield error(
                "server-not-ready",
                f"It is not ready: {', '.join(server.missing)}.",
                why="What is missing fails there.",
                remedy="Mend what it names.",
                about=server.name,
            )
    answered = [server for server in servers if not server.fault]
    for server in answered:
        if not server.token_keys:
            yield error(
                "keys-unknown",
                "It knows none of the token keys of this process.",
                why="It answers invalid_grant to what the others have issued, and they to what it has issued.",
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
                f"It cannot open what is sealed by {', '.join(lacking)}.",
                why="It answers invalid_grant to their codes and refresh tokens, and invalid_token to their access tokens.",
                remedy="Add that key to its OAUTH_SERVICE_TOKEN_KEY_FALLBACKS; a new key goes first everywhere as a fallback.",
                about=server.name,
            )
        if lacking := sorted({each.name for each in servers if each.secret_keys[0] not in server.secret_keys}):
            yield error(
                "secret-key-not-known",
                f"It does not know SECRET_KEY of {', '.join(lacking)}.",
                why="People who signed in there are nobody here, and the other way round.",
                remedy="Give all servers the same SECRET_KEY; a new one stands in SECRET_KEY_FALLBACKS of all of them first.",
                about=server.name,
            )
    if len({server.token_keys for server in servers}) > 1 and all(
        each.token_keys[0] in server.token_keys for each in servers for server in servers
    ):
        yield note(
            "keys-rolling",
            "The servers have different token keys; each can open what the others seal.",
            why="It is right while a key is replaced, and has to end.",
            remedy=f"Go on with the steps of {documentation.page('token-key')}, one after the other on all servers.",
        )


def _of_settings(servers: Sequence[Server]) -> Iterator[Finding]:
    names = sorted({name for server in servers for name in server.settings})
    if differing := [name for name in names if len({server.settings.get(name) for server in servers}) > 1]:
        yield warning(
            "settings-differ",
            f"The servers have different values of {', '.join(differing)}.",
            why="What a person or an app is told depends on who happens to answer.",
            remedy="Give all servers the same settings, or finish the rollout.",
        )
