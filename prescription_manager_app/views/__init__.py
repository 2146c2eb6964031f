"""Views: one page or action per module."""
