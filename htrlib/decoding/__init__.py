"""Log-probabilities to text: beam search, best path, alignment, words, confidences."""
