"""A host project whose tests leave nothing behind, with Django's own runner and with pytest."""
