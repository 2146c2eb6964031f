"""Protection of requests: limits on failures, and database outages."""
