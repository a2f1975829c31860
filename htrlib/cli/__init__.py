"""The command line: `htr`, or `python -m htrlib`. Arguments -> configuration -> one call."""
