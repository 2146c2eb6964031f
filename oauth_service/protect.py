"""Public: guard any Django view with an access token and a scope (RFC 6750)."""

from .resources.protect import ProtectedMixin, ProtectedRequest, protect
from .tokens.access_token import Bearer

__all__ = ["Bearer", "ProtectedMixin", "ProtectedRequest", "protect"]
