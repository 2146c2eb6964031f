"""Typical host projects: their middleware, caches, frameworks and prefixes."""
