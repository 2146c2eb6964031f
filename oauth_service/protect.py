"""Public: guard any Django view with an access token and a scope (RFC 6750)."""

from .resources.protect import Bearer, ProtectedMixin, ProtectedRequest, protect

__all__ = ["Bearer", "ProtectedMixin", "ProtectedRequest", "protect"]
