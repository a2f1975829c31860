"""Labeled data to batches, made ahead by other processes."""
