"""Clients described by a document at their client_id (client ID metadata documents)."""
