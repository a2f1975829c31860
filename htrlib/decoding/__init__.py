"""Decoding of log-probabilities: beam search, best path, alignment, words, confidences."""
