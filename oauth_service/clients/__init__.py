"""Clients: their authentication (RFC 6749 section 2.3), registration and keys."""
