"""Beside the path of a request: audit trail, metrics, readiness, doctor."""
