"""Read pictures of a single line or word: cut it in several ways, and keep the surest reading.

On a page, neighboring lines show how high a line is; a single word does not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Sequence, Tuple

import numpy as np

from htrlib.document.geometry import Box, Size
from htrlib.document.results import LogProbs, TextLine
from htrlib.images.loading import Page
from htrlib.layout.word_pictures import MARGIN, TALLEST, WIDEST, ink_box
from htrlib.reading.turning import mean_sureness

LARGEST = 1000
"""Pixels; what is longer or higher is no picture of a word."""

LEAST_INK = 0.33
"""Fraction of a word picture's height; smaller words are part of a page."""


STRIP, LONG_STRIP = 4.0, 12.0
"""Times its height: a picture that is so wide may be one line, and surely is one."""

MIDDLE, LARGE = 0.2, 0.4
"""Of a strip's height: its one line lies so near its middle, and is so high; what else is found are
the feet and heads of its neighbors."""

AROUND = 0.3
"""Of its height: paper put around a picture of a line, on whose edges lines are found less well."""


def margin_of(page: Page, single: bool) -> int:
    """Return the pixels of paper to add around a picture before finding lines; 0 for a page.

    Args:
        page: (H, W) uint8, 0 is black.
        single: whether it is known to be one line.
    """
    short, long = sorted(page.shape)
    return round(AROUND * short) if single or _strip_like(short, long) else 0


def cuts_of_picture(
    page: Page, lines: Sequence[TextLine], single: bool, margin: int = 0
) -> Tuple[TextLine, ...]:
    """Return the ways to cut the only line or word of a picture; none if it shows more.

    Args:
        page: (H, W) uint8, 0 is black.
        lines: lines found on it.
        single: whether it is known to be one line.
        margin: pixels of paper around the picture.
    """
    if single or _is_strip(page, lines, margin):
        return cuts_of_line(page, lines, margin)
    return cuts_of_word(page, lines)


def _is_strip(page: Page, lines: Sequence[TextLine], margin: int) -> bool:
    height, width = (length - 2 * margin for length in page.shape)
    if not _strip_like(height, width) or not lines:
        return False
    if width >= LONG_STRIP * height:
        return True
    box = _main(page, lines).box
    middle = abs((box.top + box.bottom - page.shape[0]) / 2)
    return middle <= MIDDLE * height and box.height >= LARGE * height


def _strip_like(height: int, width: int) -> bool:
    return height <= TALLEST and width >= STRIP * height


def _main(page: Page, lines: Sequence[TextLine]) -> TextLine:
    """Return the largest line; lines off the picture's center are likely cut in two."""
    height = page.shape[0]

    def weight(line: TextLine) -> float:
        return line.box.area * (1 - abs(line.box.top + line.box.bottom - height) / height)

    return max(lines, key=weight)


def cuts_of_line(page: Page, lines: Sequence[TextLine], margin: int = 0) -> Tuple[TextLine, ...]:
    """Return the ways to cut the only line of a picture: as found, and the whole picture.

    Args:
        page: (H, W) uint8, 0 is black: one line, whatever was found on it.
        lines: lines found on it.
        margin: pixels of paper around the picture.
    """
    height, width = page.shape
    whole = TextLine(Box(margin, margin, width - margin, height - margin))
    if not lines:
        return (whole,)
    largest = _main(page, lines)
    return largest, replace(largest, box=whole.box, polygon=None, baseline=None)


def cuts_of_word(page: Page, lines: Sequence[TextLine]) -> Tuple[TextLine, ...]:
    """Return the ways to cut the only word of a picture; none if it shows more.

    Args:
        page: (H, W) uint8, 0 is black.
        lines: lines found on it.
    """
    if len(lines) != 1 or max(page.shape) > LARGEST:
        return ()
    ink = ink_box(page)
    if ink is None or ink.width > WIDEST * ink.height or ink.height < LEAST_INK * page.shape[0]:
        return ()
    around = ink.expanded(MARGIN * ink.height, MARGIN * ink.height)
    around = around.clipped(Size(page.shape[1], page.shape[0]))
    tight = replace(lines[0], box=around, polygon=None, baseline=None)
    return (*cuts_of_line(page, lines), tight)


def surest(
    cuts: Sequence[TextLine], recognized: Sequence[LogProbs]
) -> Tuple[Tuple[TextLine, ...], Tuple[LogProbs, ...]]:
    """Return the cut whose characters are read with the highest confidence, and its result.

    Args:
        cuts: ways to cut one line.
        recognized: log-probabilities of each cut.
    """
    best = int(np.argmax([mean_sureness([log_probs]) for log_probs in recognized]))
    return (cuts[best],), (recognized[best],)
