"""The invisible text of a PDF page: each word under its box, along the slope of its line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

from htrlib.document.geometry import Box, Point
from htrlib.document.results import LineResult, PageResult
from htrlib.formats.glyphless_font import ADVANCE, ASCENT, DESCENT, GlyphlessFont
from htrlib.formats.placed_words import PlacedWord, placed_words

FONT = "/HtrText"

_STEEPEST = 0.3  # of what tells the sides of a turned rectangle by the box around it


@dataclass(frozen=True)
class Placement:
    """Pixels of a page, y down, to points of a PDF page: x' = a x + c y + e, y' = b x + d y + f."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def __call__(self, point: Point) -> Point:
        x, y = point
        return (self.a * x + self.c * y + self.e, self.b * x + self.d * y + self.f)


def text_layer(page: PageResult, placement: Placement, font: GlyphlessFont) -> bytes:
    """The content stream that shows a page's words, in reading order with spaces between.

    Args:
        page: in its own pixels.
        placement: of them on the PDF page, in points.
        font: the document's, which pages name `FONT`.
    """
    rows: List[bytes] = [b"q", b"BT", b"3 Tr"]
    for line in page.lines:
        words = placed_words(line, page.size)
        for index, word in enumerate(words):
            following = words[index + 1] if index + 1 < len(words) else None
            rows += _word(word, following, line, placement, font)
    return b"\n".join([*rows, b"ET", b"Q", b""])


def _word(
    word: PlacedWord,
    following: Optional[PlacedWord],
    line: LineResult,
    placement: Placement,
    font: GlyphlessFont,
) -> List[bytes]:
    cos, sin = _direction(word.box, line, placement)
    corners = [placement(corner) for corner in _corners(word.box)]
    box = Box.around(corners)
    length, height = _sides(box, cos, sin)
    x, y = box.center
    # The middle of the text, half its length along and half its height up, is the box's.
    up = (ASCENT + DESCENT) / 2 / (ASCENT - DESCENT) * height
    left = (x - cos * length / 2 + sin * up, y - sin * length / 2 - cos * up)
    gap = 0.0
    if following is not None:
        after = Box.around([placement(corner) for corner in _corners(following.box)]).center
        next_length = _sides(
            Box.around([placement(corner) for corner in _corners(following.box)]), cos, sin
        )[0]
        gap = (after[0] - x) * cos + (after[1] - y) * sin - (length + next_length) / 2
    shown = [
        f"{FONT} {height:.2f} Tf".encode(),
        f"{_stretch(length, height, len(word.text)):.1f} Tz".encode(),
        f"{cos:.4f} {sin:.4f} {-sin:.4f} {cos:.4f} {left[0]:.1f} {left[1]:.1f} Tm".encode(),
        font.encode(word.text) + b" Tj",
    ]
    space = max(gap, 0.05 * height)
    return [*shown, f"{_stretch(space, height, 1):.1f} Tz".encode(), font.encode(" ") + b" Tj"]


def _stretch(length: float, height: float, characters: int) -> float:
    """Percent by which characters are stretched to take a length."""
    return 100.0 * length / (max(1, characters) * height * ADVANCE / (ASCENT - DESCENT))


def _direction(box: Box, line: LineResult, placement: Placement) -> Tuple[float, float]:
    """Cosine and sine of the way that text runs at a box."""
    baseline: Sequence[Point] = line.line.baseline or ()
    x, y = box.center
    pieces = [
        (math.hypot((x0 + x1) / 2 - x, (y0 + y1) / 2 - y), (x0, y0), (x1, y1))
        for (x0, y0), (x1, y1) in zip(baseline, baseline[1:])
        if (x0, y0) != (x1, y1)
    ]
    _, start, end = min(pieces, default=(0.0, (box.left, y), (box.right, y)))
    (x0, y0), (x1, y1) = placement(start), placement(end)
    length = math.hypot(x1 - x0, y1 - y0)
    return ((x1 - x0) / length, (y1 - y0) / length)


def _sides(box: Box, cos: float, sin: float) -> Tuple[float, float]:
    """Length and height of the turned rectangle that a box holds."""
    cos, sin = abs(cos), abs(sin)
    difference = cos * cos - sin * sin
    width, height = box.width, box.height
    if abs(difference) > _STEEPEST:
        length = (width * cos - height * sin) / difference
        thickness = (height * cos - width * sin) / difference
        if length > 0 and thickness > 0.2 * min(width, height):
            return length, thickness
    return (width, height) if cos >= sin else (height, width)


def _corners(box: Box) -> Tuple[Point, ...]:
    return (
        (box.left, box.top),
        (box.right, box.top),
        (box.right, box.bottom),
        (box.left, box.bottom),
    )
