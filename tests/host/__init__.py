"""A host project that tests itself, with Django's own runner or with pytest: what its tests leave behind."""
