"""The authorization request on its way: arrival, next step, answer."""
