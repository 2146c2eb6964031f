"""Client authentication, keys and trusted issuers."""
