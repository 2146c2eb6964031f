"""Who is asked with an access token: guards for the views of a host project."""
