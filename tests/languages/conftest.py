"""The client for OpenID Connect, whose requests may name languages."""

from tests.openid.conftest import provider, rp

__all__ = ["provider", "rp"]
