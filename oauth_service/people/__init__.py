"""Who allows: people and how they sign in."""
