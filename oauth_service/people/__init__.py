"""Users: how they sign in, and what they decide about their connections."""
