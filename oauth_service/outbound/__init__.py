"""Requests that this server makes to others: the one guarded fetch, and deliveries that are retried."""
