"""Finding lines: pixel labels, line cores, seams, outlines, reading order."""
