"""In the path of a request: limits on failures, and a database that is away."""
