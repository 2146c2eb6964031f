"""What is issued, and how it is verified: codes, access tokens, refresh tokens."""
