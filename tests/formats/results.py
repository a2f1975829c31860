"""Results to write, for the tests of the writers."""

from __future__ import annotations

from typing import Sequence

from htrlib.document.geometry import Box, Polygon, Size
from htrlib.document.results import LineResult, PageResult, TextLine, Transcription, Word


def line(text: str, top: float, confidence: float = 0.9) -> LineResult:
    """A line 20 pixels high, 160 wide."""
    box = Box(20, top, 180, top + 20)
    corners = ((20.0, top), (180.0, top), (180.0, top + 20), (20.0, top + 20))
    words = tuple(Word(word, confidence, 0, 1) for word in text.split())
    return LineResult(TextLine(box, Polygon(corners)), Transcription(text, -1.0, confidence, words))


def page(texts: Sequence[str], confidence: float = 0.9) -> PageResult:
    """A page of 200 x 300 with lines 30 pixels apart."""
    lines = tuple(line(text, 40.0 + 30 * row, confidence) for row, text in enumerate(texts))
    paragraph = Box(15, 35, 185, 290) if texts else None
    return PageResult(Size(200, 300), paragraph, lines, "tiny 7", "folder/lettre.png")
