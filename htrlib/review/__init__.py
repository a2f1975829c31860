"""A local web page on which people look at what was read, correct it, and train from it."""
