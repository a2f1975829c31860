"""Line finding: pixel labels, line cores, seams, outlines, reading order."""
