"""The client's address behind proxies, from X-Forwarded-For (RFC 7239 section 5.2 is its standard successor)."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

UNIX = "unix"


# Longer headers are read each time, to keep the cache small.
KEPT_LENGTH = 256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # looked up by identity: hashing networks is slow
class TrustedProxies:
    """
    Proxies whose X-Forwarded-For is believed.

    Attributes:
        networks: their addresses.
        has_unix_socket: True if one connects through a Unix socket: such a peer has no address, and is on this machine.
    """

    networks: tuple[IPNetwork, ...] = ()
    has_unix_socket: bool = False

    @classmethod
    def parse(cls, words: Iterable[str]) -> "TrustedProxies":
        """
        Read addresses, networks and the word "unix".

        Raises:
            ValueError: one of them is none of these, or a network of all addresses; the message names it.
        """
        has_unix_socket, networks = False, list[IPNetwork]()
        for word in words:
            if word == UNIX:
                has_unix_socket = True
                continue
            network = ipaddress.ip_network(word)
            if not network.prefixlen:
                raise ValueError(f"{word!r} is everybody: clients would choose their own address")
            networks.append(network)
        return cls(networks=tuple(networks), has_unix_socket=has_unix_socket)

    def trusts(self, peer: IPAddress | None) -> bool:
        """Tell whether a peer is a trusted proxy; None is a peer without an address."""
        if peer is None:
            return self.has_unix_socket
        for network in self.networks:  # noqa: SIM110 - asked for every request, and any() takes longer
            if peer in network:
                return True
        return False


def client_address(peer: str, forwarded_for: str, trusted: TrustedProxies) -> str:
    """
    Return the address that a request comes from.

    Each proxy appends the address of its peer. From the right, everything after the first untrusted address is a claim of
    that address.

    Args:
        peer: REMOTE_ADDR; "", or the web server's name for a Unix socket, for a peer without an address.
        forwarded_for: all lines of the header, joined by commas; entries may have a port. "" if it is absent.

    Returns:
        the first address from the right that is not a trusted proxy, else the farthest proxy. The peer itself if it is not
        trusted or nothing was forwarded.
    """
    if not forwarded_for:
        return peer
    find = _client_address if len(forwarded_for) <= KEPT_LENGTH else _client_address.__wrapped__
    return find(peer, forwarded_for, trusted)


@lru_cache(maxsize=1024)  # most clients send several requests
def _client_address(peer: str, forwarded_for: str, trusted: TrustedProxies) -> str:
    if not trusted.trusts(nearest := parse(peer)):
        return peer
    for word in reversed(forwarded_for.split(",")):
        if (found := parse(word)) is None:
            break
        nearest = found
        if not trusted.trusts(found):
            break
    return str(nearest) if nearest else peer


@lru_cache(maxsize=1024)  # every request comes from the same few proxies
def parse(text: str) -> IPAddress | None:
    """Read an address with or without a port; an IPv4-mapped IPv6 address becomes IPv4. None for anything else."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # A socket that listens on both families shows an IPv4 peer as ::ffff:192.0.2.1.
    return getattr(found, "ipv4_mapped", None) or found
