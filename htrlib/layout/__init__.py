"""What finds lines: pixel labels, line cores, seams, outlines, reading order."""
