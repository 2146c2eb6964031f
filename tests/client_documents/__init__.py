"""Clients that a document at their client_id describes (client ID metadata documents)."""
