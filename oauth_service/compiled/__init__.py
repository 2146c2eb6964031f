"""Statements that the ORM writes once, and the driver that runs them."""
