"""Pictures of a single line or word: cut in several ways, of which the surest reading counts.

On a page the neighbors tell how high a line is; a word alone leaves that open.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Sequence, Tuple

import numpy as np

from htrlib.document.geometry import Box, Size
from htrlib.document.results import LogProbs, TextLine
from htrlib.images.loading import Page
from htrlib.layout.word_pictures import MARGIN, WIDEST, ink_box
from htrlib.reading.turning import mean_sureness

LARGEST = 1000
"""Pixels; what is longer or higher is no picture of a word."""

LEAST_INK = 0.33
"""Fraction of a word picture's height; smaller words are part of a page."""


def cuts_of_line(page: Page, lines: Sequence[TextLine]) -> Tuple[TextLine, ...]:
    """The ways to cut the one line of a picture: as it was found, and the whole picture.

    Args:
        page: (H, W) uint8, 0 is black: one line, whatever was found on it.
        lines: found on it.
    """
    height, width = page.shape
    whole = TextLine(Box(0, 0, width, height))
    if not lines:
        return (whole,)
    largest = max(lines, key=lambda line: line.box.area)
    return largest, replace(largest, box=whole.box, polygon=None, baseline=None)


def cuts_of_word(page: Page, lines: Sequence[TextLine]) -> Tuple[TextLine, ...]:
    """The ways to cut the one word of a picture; none where it is a picture of more.

    Args:
        page: (H, W) uint8, 0 is black.
        lines: found on it.
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
    cuts: Sequence[TextLine], said: Sequence[LogProbs]
) -> Tuple[Tuple[TextLine, ...], Tuple[LogProbs, ...]]:
    """The cut whose characters are read most surely, and what is said of it.

    Args:
        cuts: of one line.
        said: of each cut.
    """
    best = int(np.argmax([mean_sureness([log_probs]) for log_probs in said]))
    return (cuts[best],), (said[best],)
