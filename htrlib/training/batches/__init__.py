"""Batches of labeled data, prepared ahead of time by worker processes."""
