"""Addresses that the server may connect to when a stranger chooses the URL."""

import pytest

from oauth_service.protocol.address import is_loopback, is_public

FORBIDDEN = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),  # noqa: S104 - judged, never bound to
    *("224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1"),
    *("fec0::1", "feff::1", "192.0.0.8", "192.0.0.192", "168.63.129.16", "::ffff:168.63.129.16"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1"),
    *("2001:0:4136:e378:8000:63bf:3fff:fdd2", "localhost", "", "1.2.3", "0x7f000001"),
]


@pytest.mark.parametrize("text", FORBIDDEN)
def test_what_is_not_the_public_internet_is_not_connected_to(text: str) -> None:
    """
    Forbidden addresses include IPv6 addresses that embed a forbidden IPv4 address (v4-mapped, NAT64, 6to4, Teredo), and
    malformed addresses.
    """
    assert not is_public(text)


@pytest.mark.parametrize("text", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"])
def test_the_public_internet_is(text: str) -> None:
    """A public address may also be a NAT64 address of a public IPv4 address."""
    assert is_public(text)


def test_loopback_is_told_apart() -> None:
    """Trials on one machine need loopback addresses."""
    assert [is_loopback(each) for each in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "x")] == [
        *(True, True, True),
        *(False, False),
    ]
