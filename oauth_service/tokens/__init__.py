"""Codes, access tokens and refresh tokens: issuing and verifying them."""
