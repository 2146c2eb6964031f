"""One endpoint, one file, named as its URL."""
