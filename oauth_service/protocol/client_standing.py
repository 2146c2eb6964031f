"""
How far a client is known to be what it says (RFC 6749 section 10.2, RFC 8252 section 8.6).

A person who is asked sees a name that may be anybody's. What is shown beside it is decided here, and so is whether an answer may
be given without asking.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from . import redirect_uri


class Tier(Enum):
    """How far a client is known, the best known first."""

    FIRST_PARTY = "first-party"
    CHECKED = "checked"
    KNOWN_HOST = "known-host"
    UNKNOWN_HOST = "unknown-host"
    SELF_ASSERTED = "self-asserted"
    ON_DEVICE = "on-device"

    @property
    def is_warning(self) -> bool:
        """Whether it is a reason to look twice."""
        return self in (Tier.UNKNOWN_HOST, Tier.SELF_ASSERTED, Tier.ON_DEVICE)


class Client(Protocol):
    """What is known of a client."""

    @property
    def is_first_party(self) -> bool: ...
    @property
    def is_checked(self) -> bool: ...
    @property
    def is_public(self) -> bool: ...
    @property
    def proven_host(self) -> str: ...
    @property
    def remembers_consent(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """
    What a person is told of a client.

    Attributes:
        tier: the least that is true of it.
        facts: all that is, the best first; the tier is among them.
        host: the website that a fact is about; "" for none.
    """

    tier: Tier
    facts: tuple[Tier, ...]
    host: str


def standing_of(client: Client, uri: str, *, known_hosts: Collection[str]) -> Standing:
    """
    Say how far a client is known.

    Args:
        uri: redirect URI that the answer goes to; "" for none, as a device has.
        known_hosts: that the operator knows, in small letters.
    """
    host = client.proven_host or redirect_uri.host_of(uri)
    if client.is_first_party:
        facts = [Tier.FIRST_PARTY]
    elif client.is_checked:
        facts = [Tier.CHECKED]
    elif host and host in known_hosts:
        # Nobody but this website gets the answer, whatever name stands above it.
        facts = [Tier.KNOWN_HOST]
    elif client.proven_host:
        facts = [Tier.UNKNOWN_HOST]
    else:
        facts = [Tier.SELF_ASSERTED]
    tier = facts[0]
    if tier is Tier.KNOWN_HOST and not client.proven_host:
        facts.append(Tier.SELF_ASSERTED)
    if redirect_uri.is_on_device(uri) and not _authenticates(client):
        tier = Tier.ON_DEVICE
        facts.append(tier)
    return Standing(tier=tier, facts=tuple(facts), host=host)


def least_of(client: Client, uris: Collection[str], *, known_hosts: Collection[str]) -> Tier:
    """The tier of a client at that of its redirect URIs at which it is known least."""
    tiers = [standing_of(client, uri, known_hosts=known_hosts).tier for uri in uris or ("",)]
    return max(tiers, key=list(Tier).index)


def may_rely_on_consent(client: Client, uri: str) -> bool:
    """
    Tell whether what a person has allowed before is enough for an answer to this redirect URI.

    Never because of a client_id alone, which anybody can send: "unless the identity of the client can be proven, the request
    SHOULD be processed as if no previous request had been approved" (RFC 8252 section 8.6). A client that is not public has to
    authenticate before it gets a token. Of a public one an https address is proof, if the operator or its own client_id vouches
    for that address.
    """
    if not client.remembers_consent:
        return False
    if not client.is_public:
        return True
    host = redirect_uri.host_of(uri)
    return bool(host) and (is_vouched_for(client) or host == client.proven_host)


def is_vouched_for(client: Client) -> bool:
    """Whether the operator stands for what the client says of itself."""
    return client.is_first_party or client.is_checked


def _authenticates(client: Client) -> bool:
    # The secret of a client that has registered itself was given to whoever asked for one under that name.
    return not client.is_public and is_vouched_for(client)
