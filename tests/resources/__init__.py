"""APIs and their kits: what a token opens, whatever the API is written with."""
