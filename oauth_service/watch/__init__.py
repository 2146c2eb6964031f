"""Monitoring beside the path of a request: audit trail, metrics, readiness and doctor."""
