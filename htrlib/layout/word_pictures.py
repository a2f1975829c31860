"""Pictures of one short word, too little for a page labeler to tell text from marks."""

from __future__ import annotations

from typing import Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from htrlib.document.geometry import Box, union_of
from htrlib.document.results import TextLine
from htrlib.images.regions import page_ink
from htrlib.layout.parts import connected_parts

TALLEST = 200  # pixels of a picture that may be that of a word
WIDEST = 3.0  # times a word's height: what is longer is found as a line
SHORTEST = 0.25  # of the picture's height: lower ink is a dash or a speck
DARK = 128  # of 255: ink
SPECK = 0.03  # of the largest piece of ink: smaller pieces are no part of a word
COVERED = 0.6  # of a word's width that a line must cover to be it
MARGIN = 0.1  # of a word's height, around it


def word_in(page: NDArray[np.uint8], lines: Sequence[TextLine]) -> Optional[TextLine]:
    """The one word of a small picture, where the lines found there miss it or cut it in pieces.

    Args:
        page: (H, W) uint8, 0 is black.
        lines: found on it.
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
    """The bounds of all ink but specks."""
    pieces = connected_parts(page_ink(page) > DARK)
    if not pieces:
        return None
    least = SPECK * max(piece.area for piece in pieces)
    return union_of(
        Box(piece.columns.start, piece.rows.start, piece.columns.stop, piece.rows.stop)
        for piece in pieces
        if piece.area >= least
    )
