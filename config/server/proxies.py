"""Headers of a proxy in front, believed only if the proxy is one of ours (TRUSTED_PROXIES)."""

import re
import secrets
from collections.abc import Callable, Iterable
from typing import Any

from oauth_service.protocol.forwarded import TrustedProxies, client_address, parse

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
SCHEMES = ("http", "https")


def behind_proxies(application: Application, trusted: TrustedProxies) -> Application:
    """
    Let an application see the request as the outermost of our own proxies saw it.

    REMOTE_ADDR becomes the first address of X-Forwarded-For, from the right, that is not one of ours. X-Forwarded-Proto
    and X-Forwarded-Host replace scheme and Host if each is a single value: a list was appended to, and its author is
    unknown. X-Request-ID stays if it is well-formed. These headers are ignored from any other sender. A request without
    an id gets one.

    Args:
        trusted: addresses of our proxies.
    """

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        peer = environ.get("REMOTE_ADDR", "")
        if not trusted.trusts(parse(peer)):
            environ["HTTP_X_REQUEST_ID"] = secrets.token_hex(6)
            return application(environ, start_response)
        if forwarded_for := environ.pop("HTTP_X_FORWARDED_FOR", ""):
            environ["REMOTE_ADDR"] = client_address(peer, forwarded_for, trusted)
        if (scheme := environ.pop("HTTP_X_FORWARDED_PROTO", "").strip().lower()) in SCHEMES:
            environ["wsgi.url_scheme"] = scheme
        if (host := environ.pop("HTTP_X_FORWARDED_HOST", "").strip()) and "," not in host:
            environ["HTTP_HOST"] = host
        if not REQUEST_ID.fullmatch(environ.get("HTTP_X_REQUEST_ID", "")):
            environ["HTTP_X_REQUEST_ID"] = secrets.token_hex(6)
        return application(environ, start_response)

    return answer
