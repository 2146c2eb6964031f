"""Findings about registered APIs: tokens that live longer than they should (RFC 9068 section 5)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from .finding import Finding, error, warning

LONGEST_UNASKED = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """
    An active resource.

    lifetime is the longest that one of its access tokens can live. is_for_nobody is True if no client may ask for it.
    """

    identifier: str
    is_jwt: bool
    lifetime: timedelta
    is_for_nobody: bool = False


def findings(api: Api, *, has_keys: bool) -> Iterator[Finding]:
    """
    Judge one resource.

    Args:
        has_keys: True if OpenID Connect is on, so that this server signs.
    """
    if api.is_for_nobody:
        yield warning(
            "resource-for-nobody",
            "No client may ask for it.",
            why="Every request that names it is answered invalid_target.",
            remedy="Choose its clients, let every client ask for it, or switch it off.",
            about=api.identifier,
        )
    if not api.is_jwt:
        return
    if not has_keys:
        yield error(
            "jwts-without-keys",
            "Its tokens should be JWTs, but OpenID Connect is off, and no key signs.",
            why="It is given opaque tokens, which an API that verifies JWTs refuses.",
            remedy="Add openid to OAUTH_SERVICE_SCOPES (extra oidc), or choose opaque for it.",
            about=api.identifier,
        )
    elif api.lifetime > LONGEST_UNASKED:
        yield warning(
            "jwts-live-long",
            f"Its tokens are JWTs and live for up to {api.lifetime}.",
            why="An API that verifies them by itself does not hear of a revocation: a stolen one is good for as long.",
            remedy="Give the resource a lifetime of an hour or less, or let the API ask (introspection).",
            about=api.identifier,
        )
