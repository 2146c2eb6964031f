"""One page or action, one file."""
