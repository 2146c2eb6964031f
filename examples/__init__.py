"""Two APIs beside the two sites, as other projects would have them: `make run-mcp`, `make run-api`."""
