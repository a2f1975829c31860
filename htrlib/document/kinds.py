"""The kinds of text lines. Importing this module is cheap."""

HANDWRITTEN, TYPEWRITTEN, PRINTED = KINDS = ("handwritten", "typewritten", "printed")
