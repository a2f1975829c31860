"""Trim the boxes of lines until they hardly overlap, as `hocr-check` of hocr-tools asks.

Boxes of handwritten lines reach into each other by their ascenders and descenders. Readers find a
line by its box, so it may lose the ends of strokes but not a word.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Sequence, Tuple

from htrlib.data.samples import LabeledLine
from htrlib.document.geometry import Box, Size
from htrlib.formats.placed_words import whole_pixels

_MOST_SHARED = 0.2  # of the larger of two boxes
_LEAST_LEFT = 0.1  # of a word's height, above and below its middle


@dataclass
class _Extent:
    """The edges of a line's box in whole pixels, and how far they may move."""

    left: float
    top: float
    right: float
    bottom: float
    highest: float
    lowest: float

    @classmethod
    def of(cls, line: LabeledLine, box: Box) -> _Extent:
        boxes = [word.box for word in line.words] or [box]
        highest = min(word.center[1] - _LEAST_LEFT * word.height for word in boxes)
        lowest = max(word.center[1] + _LEAST_LEFT * word.height for word in boxes)
        return cls(*box.as_tuple(), highest=highest, lowest=lowest)

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.bottom - self.top)

    def shared(self, other: _Extent) -> float:
        """Return the area that both have in common, as a fraction of the larger one."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, width) * max(0.0, height) / max(self.area, other.area)


def trimmed_boxes(lines: Sequence[LabeledLine], size: Size) -> Tuple[Box, ...]:
    """Return the lines' boxes in whole pixels, trimmed where two share more than a fifth.

    The lower edge of the upper line and the upper edge of the lower one move alike, and never into
    the middle fifth of a word. Lines so steep that their words stand beside each other's keep
    sharing more.

    Args:
        lines: lines of a page, each with a position.
        size: size of the page.
    """
    boxes = [whole_pixels(line.line.box, size) for line in lines if line.line is not None]
    extents = [_Extent.of(line, box) for line, box in zip(lines, boxes)]
    pairs = [
        sorted(pair, key=lambda extent: extent.top + extent.bottom)
        for pair in combinations(extents, 2)
        if pair[0].shared(pair[1]) > 0
    ]
    # Again, since a trimmed box is smaller, and what it shares with others a larger part of it.
    while sum(_trim(upper, lower) for upper, lower in pairs):
        pass
    return tuple(Box(e.left, e.top, e.right, e.bottom) for e in extents)


def _trim(upper: _Extent, lower: _Extent) -> bool:
    """Move the edges of two boxes by a pixel if these share too much; return whether one moved."""
    if upper.shared(lower) <= _MOST_SHARED:
        return False
    rises = upper.bottom - 1 >= upper.lowest
    falls = lower.top + 1 <= lower.highest
    upper.bottom -= rises
    lower.top += falls
    return rises or falls


def within(box: Box, line: Box) -> Box:
    """Return a word's box without what is above or below its line's; a pixel of it at least.

    Args:
        box, line: in whole pixels. A word of a steep and tiny line may be rounded out of it.
    """
    top = min(max(box.top, line.top), line.bottom - 1)
    return Box(box.left, top, box.right, max(min(box.bottom, line.bottom), top + 1))
