"""Host projects as they are found: their middleware, caches, frameworks and prefixes."""
