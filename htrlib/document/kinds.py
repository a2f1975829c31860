"""The kinds of text that a line can be; importing them costs nothing."""

HANDWRITTEN, TYPEWRITTEN, PRINTED = KINDS = ("handwritten", "typewritten", "printed")
