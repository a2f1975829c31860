"""Defaults of decoding that commands and the server name too; importing them costs nothing."""

BEAM_WIDTH = 25  # readings that beam search follows
METHODS = ("beam", "greedy")
PRUNING = -6.0  # natural log of the least probability of a class in a frame
