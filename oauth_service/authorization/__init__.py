"""The authorization request: arrival, next step, answer."""
