"""Translations of the pages: catalogues, and pages in every language."""
