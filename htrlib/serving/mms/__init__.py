"""Everything that exists because of Multi Model Server."""
