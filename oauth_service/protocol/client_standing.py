"""
Evidence that a client is what it says (RFC 6749 section 10.2, RFC 8252 section 8.6).

Anyone can register a client under any name. These rules decide which warning people see beside the name, and whether an earlier
consent is enough to answer without asking.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from . import redirect_uri


class Tier(Enum):
    """Levels of evidence about a client, the best one first."""

    FIRST_PARTY = "first-party"
    CHECKED = "checked"
    KNOWN_HOST = "known-host"
    UNKNOWN_HOST = "unknown-host"
    SELF_ASSERTED = "self-asserted"
    ON_DEVICE = "on-device"

    @property
    def is_warning(self) -> bool:
        """True if people should look twice."""
        return self in (Tier.UNKNOWN_HOST, Tier.SELF_ASSERTED, Tier.ON_DEVICE)


class Client(Protocol):
    """Facts about a client that the rules use."""

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
    The evidence that people are shown about a client.

    Attributes:
        tier: the level that counts; ON_DEVICE overrides the others.
        facts: all levels that apply, the best one first; tier is among them.
        host: the website that a fact is about; "" for none.
    """

    tier: Tier
    facts: tuple[Tier, ...]
    host: str


def standing_of(client: Client, uri: str, *, known_hosts: Collection[str]) -> Standing:
    """
    Return the evidence about a client.

    Args:
        uri: redirect URI that the answer goes to; "" for a device, which has none.
        known_hosts: hosts that the operator knows, in lower case.
    """
    host = client.proven_host or redirect_uri.host_of(uri)
    if client.is_first_party:
        facts = [Tier.FIRST_PARTY]
    elif client.is_checked:
        facts = [Tier.CHECKED]
    elif host and host in known_hosts:
        # Only this website gets the answer, whatever name the page shows.
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


def lowest_tier(client: Client, uris: Collection[str], *, known_hosts: Collection[str]) -> Tier:
    """Return the lowest tier of a client over all its redirect URIs."""
    tiers = [standing_of(client, uri, known_hosts=known_hosts).tier for uri in uris or ("",)]
    return max(tiers, key=list(Tier).index)


def may_rely_on_consent(client: Client, uri: str) -> bool:
    """
    Tell whether an earlier consent is enough to answer at this redirect URI.

    A client_id alone is never enough, since anyone can send it: "unless the identity of the client can be proven, the request
    SHOULD be processed as if no previous request had been approved" (RFC 8252 section 8.6). A confidential client has to
    authenticate before it gets a token. For a public client, an https address is proof if the operator or its own client_id
    vouches for that address.
    """
    if not client.remembers_consent:
        return False
    if not client.is_public:
        return True
    host = redirect_uri.host_of(uri)
    return bool(host) and (is_vouched_for(client) or host == client.proven_host)


def is_vouched_for(client: Client) -> bool:
    """True if the operator vouches for what the client says about itself."""
    return client.is_first_party or client.is_checked


def _authenticates(client: Client) -> bool:
    # A client that registered itself got its secret without any proof of its name.
    return not client.is_public and is_vouched_for(client)
