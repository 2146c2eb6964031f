"""The OpenID Provider under attack, and one of its clients."""

from tests.openid.conftest import provider, rp

__all__ = ["provider", "rp"]
