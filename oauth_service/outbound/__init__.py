"""What this server asks of others: the one guarded fetch, and deliveries that are retried."""
