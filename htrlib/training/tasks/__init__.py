"""Training tasks, one per network."""
