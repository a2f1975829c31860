"""Rendered pages and lines with exact ground truth."""
