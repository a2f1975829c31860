"""Decoding defaults shared with commands and the server; this module is cheap to import."""

BEAM_WIDTH = 25  # hypotheses kept by beam search
BEAM, GREEDY = METHODS = ("beam", "greedy")
PRUNING = -6.0  # natural log of the minimum probability of a class in a frame
