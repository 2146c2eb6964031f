"""Typical host projects: their middleware, caches, frameworks and URL prefixes."""
