"""Who asks: client authentication (RFC 6749 section 2.3)."""
