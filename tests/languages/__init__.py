"""The words of people: catalogues, and pages in every language."""
