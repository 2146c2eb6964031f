"""Texts of pages: catalogues, and pages in every language."""
