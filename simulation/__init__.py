"""The nine steps of the lifecycle guide: recorded, written down as the guide writes them, and played."""
