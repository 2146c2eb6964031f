"""A host project whose tests, run by Django's own runner or by pytest, leave nothing behind."""
