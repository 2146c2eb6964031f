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
            "No client may request this resource.",
            why="Every request for this resource gets the error invalid_target.",
            remedy="Choose the clients that may request it, allow it for every client, or deactivate it.",
            about=api.identifier,
        )
    if not api.is_jwt:
        return
    if not has_keys:
        yield error(
            "jwts-without-keys",
            "Tokens of this resource should be JWTs, but OpenID Connect is off, so there is no signing key.",
            why="The server issues opaque tokens instead, and an API that verifies JWTs refuses them.",
            remedy="Add openid to OAUTH_SERVICE_SCOPES (extra oidc), or choose opaque tokens for this resource.",
            about=api.identifier,
        )
    elif api.lifetime > LONGEST_UNASKED:
        yield warning(
            "jwts-live-long",
            f"Tokens of this resource are JWTs and are valid for up to {api.lifetime}.",
            why="An API that verifies JWTs by itself does not learn of a revocation. A stolen token works until it expires.",
            remedy="Give the resource a lifetime of an hour or less, or let the API use introspection.",
            about=api.identifier,
        )
