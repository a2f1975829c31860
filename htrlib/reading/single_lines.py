"""Read pictures of a single line or word: cut it in several ways, and keep the surest reading.

On a page, neighboring lines show how high a line is; a single word does not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Sequence, Tuple

import numpy as np

from htrlib.decoding.sureness import mean_sureness
from htrlib.document.geometry import Box, Size
from htrlib.document.results import LogProbs, TextLine
from htrlib.images.loading import Page
from htrlib.layout.word_pictures import MARGIN, TALLEST, WIDEST, ink_box

LARGEST = 1000
"""Pixels; what is longer or higher is no picture of a word."""

LEAST_INK = 0.33
"""Fraction of a word picture's height; smaller words are part of a page."""


STRIP, LONG_STRIP = 4.0, 12.0
"""Times its height: a picture that is so wide may be one line, and surely is one."""

BEYOND = 0.15
"""Of a strip's height: a line that would reach further beyond its edges is a neighbor, cut off."""

BASELINES = 0.2, 0.88
"""In heights of a strip: the baselines of its lines lie between, those of neighbors also beyond."""

LARGE = 0.4
"""Of the height of a strip's highest line: lower pieces are feet and heads of neighbors."""

USUAL_BASELINE, BELOW_MIDDLE = 0.57, 0.07
"""In heights of a strip: where the baseline of its only line is, and how far below its middle."""

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
    return width >= LONG_STRIP * height or len(_complete(page, lines, margin)) <= 1


def _complete(page: Page, lines: Sequence[TextLine], margin: int) -> Tuple[TextLine, ...]:
    """Return the lines that a strip shows in full, as opposed to neighbors that its edges cut."""
    height = page.shape[0] - 2 * margin
    highest = max((_visible(line, height, margin) for line in lines), default=0.0)
    first, last = (share * height for share in BASELINES)
    return tuple(
        line
        for line in lines
        if margin - line.box.top <= BEYOND * height
        and line.box.bottom - margin - height <= BEYOND * height
        and first <= _baseline(line, height, margin) <= last
        and _visible(line, height, margin) >= LARGE * highest
    )


def _visible(line: TextLine, height: int, margin: int) -> float:
    """Return how much of a line's height a strip shows, in pixels."""
    top, bottom = max(line.box.top - margin, 0.0), min(line.box.bottom - margin, height)
    return max(bottom - top, 0.0)


def _baseline(line: TextLine, height: int, margin: int) -> float:
    """Return how far below a strip's upper edge a line's baseline is, in pixels."""
    if line.baseline is None:
        return (line.box.top + line.box.bottom) / 2 - margin + BELOW_MIDDLE * height
    return float(np.median([y for _, y in line.baseline])) - margin


def _strip_like(height: int, width: int) -> bool:
    return height <= TALLEST and width >= STRIP * height


def _main(page: Page, lines: Sequence[TextLine], margin: int) -> TextLine:
    """Return the line that a strip was cut for: large, complete, and with the usual baseline."""
    height = page.shape[0] - 2 * margin

    def weight(line: TextLine) -> float:
        away = abs(_baseline(line, height, margin) / height - USUAL_BASELINE)
        return line.box.width * _visible(line, height, margin) * (1 - 2 * away)

    return max(_complete(page, lines, margin) or lines, key=weight)


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
    largest = _main(page, lines, margin)
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
