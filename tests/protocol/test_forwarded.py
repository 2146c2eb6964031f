"""Proxies whose X-Forwarded-For is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth_service.protocol.forwarded import KEPT_LENGTH, TrustedProxies, client_address, parse

TRUSTED = TrustedProxies.parse(["10.0.0.0/8", "127.0.0.1", "::1", "2001:db8:0:1::/64"])
WITH_UNIX = TrustedProxies.parse(["unix", "10.0.0.0/8"])


@pytest.mark.parametrize(
    ("forwarded_for", "client"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("203.0.113.7,10.1.2.3,10.9.9.9", "203.0.113.7"),
        ("10.1.2.3, 10.9.9.9", "10.1.2.3"),
        ("127.0.0.1, 203.0.113.7", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("2001:DB8:0::0:7", "2001:db8::7"),
        ("2001:db8::7, 2001:db8:0:1::5", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("203.0.113.7:4711, 10.1.2.3:80", "203.0.113.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("203.0.113.7, unknown", "127.0.0.1"),
        ("203.0.113.7, <script>, 10.1.2.3", "10.1.2.3"),
        ("203.0.113.7, _hidden, 10.1.2.3", "10.1.2.3"),
        ("203.0.113.7,", "127.0.0.1"),
        ("203.0.113.999", "127.0.0.1"),
        ("", "127.0.0.1"),
        (" ", "127.0.0.1"),
        (",", "127.0.0.1"),
    ],
)
def test_the_client_is_the_first_stranger_from_the_right(forwarded_for: str, client: str) -> None:
    """Everything left of it was written by the client, who may claim another address."""
    assert client_address("127.0.0.1", forwarded_for, TRUSTED) == client


@pytest.mark.parametrize("hops", [1, KEPT_LENGTH // 8, KEPT_LENGTH])
def test_a_long_header_is_read_alike(hops: int) -> None:
    """Only short headers are cached, separately for each set of proxies."""
    forwarded_for = ",".join(["203.0.113.7", *["10.0.0.1"] * hops])
    assert client_address("127.0.0.1", forwarded_for, TRUSTED) == "203.0.113.7"
    assert client_address("127.0.0.1", forwarded_for, TrustedProxies.parse(["127.0.0.1"])) == "10.0.0.1"


@pytest.mark.parametrize("peer", ["203.0.113.7", "11.0.0.1", "2001:db8::7", "::ffff:11.0.0.1", "", "unix:", "?"])
def test_a_stranger_is_not_believed(peer: str) -> None:
    """Otherwise clients could choose their own address."""
    assert client_address(peer, "192.0.2.1", TRUSTED) == peer


@pytest.mark.parametrize("peer", ["10.255.0.1", "127.0.0.1", "::1", "::ffff:10.0.0.1", "10.0.0.1:5000"])
def test_a_proxy_is_known_however_it_is_written(peer: str) -> None:
    """A proxy is given as an address or a network, may have a port, and may be an IPv4-mapped IPv6 address."""
    assert client_address(peer, "192.0.2.1", TRUSTED) == "192.0.2.1"


@pytest.mark.parametrize("peer", ["", "unix:", "unix:/run/site.sock"])
def test_a_unix_socket_is_trusted_by_name(peer: str) -> None:
    """The peer of a Unix socket has no address. Its header is parsed like any other."""
    assert client_address(peer, "192.0.2.1, 10.0.0.1", WITH_UNIX) == "192.0.2.1"
    assert client_address(peer, "nonsense", WITH_UNIX) == peer
    assert client_address(peer, "", WITH_UNIX) == peer


@pytest.mark.parametrize("word", ["10.0.0.1/8", "proxy.internal", "10.0.0.0/33", "", "Unix", "0.0.0.0/0", "::/0"])
def test_what_is_no_network_is_not_taken_for_one(word: str) -> None:
    """10.0.0.1/8 could mean one host or sixteen million; 0.0.0.0/0 would trust the clients themselves."""
    with pytest.raises(ValueError, match=r"10\.0\.0|proxy\.internal|''|Unix|everybody"):
        TrustedProxies.parse(["127.0.0.1", word])


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_header_breaks_it(peer: str, forwarded_for: str) -> None:
    """An untrusted peer keeps its address. Behind a proxy the result is an address, or the proxy."""
    assert client_address(peer, forwarded_for, TrustedProxies()) == peer
    found = client_address("127.0.0.1", forwarded_for, TRUSTED)
    assert found == "127.0.0.1" or parse(found) is not None
