"""The road from a page to its result: one pipeline for all who read pages."""
