"""Guards for the views of a host project, which require an access token."""
