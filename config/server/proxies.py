"""What a proxy in front says about a request, believed only where the proxy is one of ours (TRUSTED_PROXIES)."""

import ipaddress
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
SCHEMES = ("http", "https")


def networks(text: str) -> list[Network]:
    """
    Addresses and networks, separated by commas.

    Raises:
        ValueError: one of them is neither.
    """
    return [ipaddress.ip_network(word.strip()) for word in text.split(",") if word.strip()]


def behind_proxies(application: Application, trusted: Sequence[Network]) -> Application:
    """
    Let an application see the request as the outermost of our own proxies saw it.

    X-Forwarded-For gives REMOTE_ADDR: from the right, the first address that is not one of ours. X-Forwarded-Proto and
    X-Forwarded-Host give scheme and Host if each is one value: a list was appended to, and whose word it is cannot be told.
    X-Request-ID stays if it is well-formed. From anybody else these headers are worth nothing. A request without an id gets one.

    Args:
        trusted: where our proxies are.
    """

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        peer = _address(environ.get("REMOTE_ADDR", ""))
        if peer is None or not _is_in(trusted, peer):
            environ["HTTP_X_REQUEST_ID"] = secrets.token_hex(6)
            return application(environ, start_response)
        if forwarded_for := environ.pop("HTTP_X_FORWARDED_FOR", ""):
            environ["REMOTE_ADDR"] = str(_asker(forwarded_for, peer, trusted))
        if (scheme := environ.pop("HTTP_X_FORWARDED_PROTO", "").strip().lower()) in SCHEMES:
            environ["wsgi.url_scheme"] = scheme
        if (host := environ.pop("HTTP_X_FORWARDED_HOST", "").strip()) and "," not in host:
            environ["HTTP_HOST"] = host
        if not REQUEST_ID.fullmatch(environ.get("HTTP_X_REQUEST_ID", "")):
            environ["HTTP_X_REQUEST_ID"] = secrets.token_hex(6)
        return application(environ, start_response)

    return answer


def _asker(forwarded_for: str, peer: Address, trusted: Sequence[Network]) -> Address:
    # Each proxy appends whom it spoke with: what stands left of the first stranger is that stranger's own claim.
    nearest = peer
    for word in reversed(forwarded_for.split(",")):
        address = _address(word.strip())
        if address is None:
            break
        nearest = address
        if not _is_in(trusted, address):
            break
    return nearest


def _is_in(trusted: Sequence[Network], address: Address) -> bool:
    return any(address in network for network in trusted)


@lru_cache(maxsize=1024)  # the proxy itself asks each time, and who asks once asks again
def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A socket that listens on both families shows an IPv4 peer as ::ffff:192.0.2.1.
    return getattr(address, "ipv4_mapped", None) or address
