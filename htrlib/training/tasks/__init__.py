"""The training tasks, one per network."""
