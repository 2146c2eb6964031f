"""Addresses that a server may connect to on behalf of a URL that a stranger has chosen (OWASP: SSRF; RFC 6890)."""

import ipaddress

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
# The library takes these addresses for public ones: site-local addresses (RFC 3879), which some networks still use; before
# Python 3.12.4 most of 192.0.0.0/24 (RFC 6890); and the address at which each virtual machine of Azure reaches its host.
_NOT_PUBLIC = (
    ipaddress.IPv6Network("fec0::/10"),
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("168.63.129.16/32"),
)

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(text: str) -> bool:
    """
    Tell whether an address is on the public internet.

    Private, loopback, link-local (which includes cloud metadata), site-local, multicast, documentation and reserved
    addresses are not public. An IPv6 address that embeds such an IPv4 address is not public either: v4-mapped, NAT64, 6to4,
    Teredo.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(map(_is_public, _meanings(address)))


def is_loopback(text: str) -> bool:
    """Tell whether an address is a loopback address of this machine."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(each.is_loopback for each in _meanings(address))


def _is_public(address: IPAddress) -> bool:
    if any(address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _meanings(address: IPAddress) -> list[IPAddress]:
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    embedded: list[IPAddress] = []
    if address.sixtofour:
        embedded.append(address.sixtofour)
    if address.teredo:
        embedded.extend(address.teredo)
    # NAT64 embeds in the last 32 bits. With RFC 8215's prefix the operator chooses the place, but ::/8 is reserved as a whole.
    if address in _NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)]
    return [address, *embedded]
