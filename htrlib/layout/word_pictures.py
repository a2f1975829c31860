"""Find the word on pictures of one short word, which are too small for a page labeler."""

from __future__ import annotations

from typing import Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from htrlib.document.geometry import Box, union_of
from htrlib.document.results import TextLine
from htrlib.images.regions import page_ink
from htrlib.layout.parts import connected_parts

TALLEST = 200  # maximum pixels of a word's picture
WIDEST = 3.0  # in word heights: longer text is found as a line
SHORTEST = 0.25  # in picture heights: lower ink is a dash or a speck
DARK = 128  # minimum ink, of 255
SPECK = 0.03  # relative to the largest piece of ink: smaller pieces are not part of the word
COVERED = 0.6  # fraction of a word's width that a line must cover to be that word
MARGIN = 0.1  # margin in word heights


def word_in(page: NDArray[np.uint8], lines: Sequence[TextLine]) -> Optional[TextLine]:
    """Find the only word of a small picture if the lines found there miss or split it.

    Args:
        page: (H, W) uint8, 0 is black.
        lines: lines found on it.
    """
    height, width = page.shape
    if height > TALLEST or any(line.box.width > WIDEST * line.box.height for line in lines):
        return None
    box = ink_box(page)
    if box is None or box.height < SHORTEST * height or box.width > WIDEST * box.height:
        return None
    if len(lines) == 1 and lines[0].box.width >= COVERED * box.width:
        return None
    margin = MARGIN * box.height
    left, top = max(0.0, box.left - margin), max(0.0, box.top - margin)
    right, bottom = min(width, box.right + margin), min(height, box.bottom + margin)
    return TextLine(Box(left, top, right, bottom))


def ink_box(page: NDArray[np.uint8]) -> Optional[Box]:
    """Return the box around all ink except specks."""
    pieces = connected_parts(page_ink(page) > DARK)
    if not pieces:
        return None
    least = SPECK * max(piece.area for piece in pieces)
    return union_of(
        Box(piece.columns.start, piece.rows.start, piece.columns.stop, piece.rows.stop)
        for piece in pieces
        if piece.area >= least
    )
