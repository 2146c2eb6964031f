"""Two APIs beside the two sites, as separate projects would have them: `make run-mcp`, `make run-api`."""
