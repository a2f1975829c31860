"""Read text at a right angle to the lines of a page, such as notes up the margin and docketing.

Where much ink is left that no line covers, lines are looked for with the page turned by 90 degrees
either way. The recognizer decides which way is right, and whether it is text at all.
"""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import Callable, List, Sequence, Set, Tuple

import numpy as np

from htrlib.decoding.sureness import mean_sureness, sureness
from htrlib.document.geometry import Box, Polygon, Size
from htrlib.document.results import LogProbs, TextLine
from htrlib.images.given_lines import line_as_given
from htrlib.images.loading import Page
from htrlib.images.orientation import SIDEWAYS, PageTransform
from htrlib.layout.uncovered_ink import uncovered_areas

AROUND = 0.5
"""In line heights: paper around an area in which lines are looked for."""

ELONGATED = 1.2
"""Least length of a line, in its own heights."""

SHARED = 0.5
"""Share of a turned line's box that others may cover."""

SURE = 0.3
"""Least `sureness` of an area's lines: texts of a few words count less."""

MEAN_SURE, LINE_SURE = 0.5, 0.25
"""Least `mean_sureness` of an area's lines together, and of each line that is kept."""

SURER = 1.15
"""How many times as sure the right way must be as the other."""

DOUBTFUL, FEW = 0.4, 8
"""`sureness` below which a line may be a piece of turned text, and its characters to judge by."""

Segment = Callable[[Page, Box], Sequence[TextLine]]
Recognize = Callable[[Page, Sequence[TextLine]], Sequence[LogProbs]]
Block = Tuple[Tuple[TextLine, LogProbs], ...]


def turned_blocks(
    page: Page, lines: Sequence[TextLine], segment: Segment, recognize: Recognize
) -> Tuple[Block, ...]:
    """Find and recognize the text that runs up or down a page.

    Args:
        page: (H, W) uint8, 0 is black.
        lines: lines found on it, without doubtful ones.
        segment: finds the lines of a picture.
        recognize: recognizes lines of a picture.
    Returns:
        For each block of text, its lines with their log-probabilities, in reading order.
    """
    areas = uncovered_areas(page, lines)
    blocks = (_block(page, area, lines, segment, recognize) for area in areas)
    return tuple(block for block in blocks if block)


def doubtful_lines(lines: Sequence[TextLine], log_probs: Sequence[LogProbs]) -> Set[int]:
    """Return the `id` of each line that may be a piece of turned text, as it is read so poorly."""
    read = zip(lines, log_probs)
    return {id(line) for line, values in read if sureness([values], FEW) < DOUBTFUL}


def crosses(line: TextLine, block: Block) -> bool:
    """Return whether a line lies mostly on turned ones."""
    shared = sum(line.box.intersection_area(other.box) for other, _ in block)
    return shared > SHARED * line.box.area


def _block(
    page: Page, area: Box, lines: Sequence[TextLine], segment: Segment, recognize: Recognize
) -> Block:
    """Return the lines of an area, the way they are read best; none if that is not well."""
    ways: List[Block] = []
    for turns in SIDEWAYS:
        found = _lines_in(page, area, turns, lines, segment)
        if not found:  # lines of text are also found upside down
            return ()
        ways.append(tuple(zip(found, recognize(page, found))))
    scores = [sureness([log_probs for _, log_probs in way]) for way in ways]
    best = int(np.argmax(scores))
    if scores[best] < max(SURE, SURER * min(scores)):
        return ()
    if mean_sureness([log_probs for _, log_probs in ways[best]]) < MEAN_SURE:
        return ()
    return tuple(read for read in ways[best] if mean_sureness([read[1]]) >= LINE_SURE)


def _lines_in(
    page: Page, area: Box, turns: int, lines: Sequence[TextLine], segment: Segment
) -> Tuple[TextLine, ...]:
    """Find the lines of an area of a page that is turned by 90 degrees `turns` times."""
    heights = [line.box.height for line in lines]
    around = AROUND * statistics.median(heights) if heights else 0.0
    whole = Size(page.shape[1], page.shape[0])
    left, top, right, bottom = map(int, area.expanded(around, around).clipped(whole).as_tuple())
    transform = PageTransform(Size(right - left, bottom - top), quarter_turns=turns)
    upright = transform.apply(page[top:bottom, left:right])
    # The finder sees a region at a scale that depends on its size: that of the page is right.
    height, width = upright.shape
    beyond = (whole.height - width) / 2, (whole.width - height) / 2
    found = segment(upright, Box(0, 0, width, height).expanded(*beyond))
    given = (_shifted(line_as_given(line, transform), left, top) for line in found)
    return tuple(line for line in given if _may_be_text(line, area, lines))


def _may_be_text(line: TextLine, area: Box, lines: Sequence[TextLine]) -> bool:
    box = line.box
    if line.quarter_turns not in SIDEWAYS or box.height < ELONGATED * box.width:
        return False
    if box.intersection_area(area) < SHARED * box.area:
        return False
    return sum(box.intersection_area(other.box) for other in lines) <= SHARED * box.area


def _shifted(line: TextLine, x: float, y: float) -> TextLine:
    polygon, baseline = line.polygon, line.baseline
    return replace(
        line,
        box=line.box.shifted(x, y),
        polygon=polygon and Polygon(tuple((px + x, py + y) for px, py in polygon.points)),
        baseline=baseline and tuple((px + x, py + y) for px, py in baseline),
    )
