"""Look closer at small print on a page of larger writing, such as that of a letterhead.

At the scale that suits a page's handwriting, lines of print of a third of its height run into each
other. Where a labeler marks several lines that are that thin, the region is labeled anew, enlarged.
"""

from __future__ import annotations

from typing import List, Sequence, Tuple

import numpy as np

from htrlib.document.geometry import Box
from htrlib.document.kinds import HANDWRITTEN
from htrlib.document.results import TextLine
from htrlib.layout.line_outlines import Core
from htrlib.layout.pixel_labels import Labels

ENLARGEMENT = 2.0
THIN = 0.55  # of the typical thickness of a page's cores: those of small print
LONG = 4.0  # in their own thicknesses: shorter ones are dots and dashes
FEWEST = 2  # thin cores of a region
MOST_REGIONS = 20  # of a page: where it lies on its side, there are three times as many
REACH = 2.0  # in typical thicknesses: a region extends so far beyond its thin cores
SMALL = 0.45  # of the typical height of a page's lines, at most: lines of small print
MARGIN = 0.4  # of a line's height: from the side of a region, at least
INSIDE = 0.5  # of a core


def small_print_regions(cores: Sequence[Core], labels: Labels) -> List[Box]:
    """Return the parts of a page with small print, in page pixels.

    Args:
        cores: what the labeler marks.
    """
    if labels.kind_probabilities is None:
        return []
    usual = labels.core_thickness
    boxes = [_around(core, REACH * usual) for core in cores if _is_thin(core, usual)]
    regions: List[Tuple[Box, int]] = []
    for box in boxes:
        count = 1
        for other in [r for r in regions if r[0].intersection_area(box)]:
            regions.remove(other)
            box, count = box.union(other[0]), count + other[1]
        regions.append((box, count))
    found = [box for box, count in regions if count >= FEWEST]
    if not found or len(found) > MOST_REGIONS:
        return []
    boxes = [_around(core, 1.0) for core in cores]
    return [_on_page(_with_whole_cores(box, boxes), labels) for box in found]


def _is_thin(core: Core, usual: float) -> bool:
    return core.thickness <= THIN * usual and core.right - core.left >= LONG * core.thickness


def _with_whole_cores(region: Box, cores: Sequence[Box]) -> Box:
    """Widen a region so that it contains its lines from end to end."""
    for box in cores:
        if region.intersection_area(box) > INSIDE * box.area:
            region = region.union(box)
    return region


def _around(core: Core, reach: float) -> Box:
    top, bottom = float(core.upper.min()), float(core.lower.max())
    return Box(float(core.left), top, float(core.right), bottom).expanded(reach, reach)


def _on_page(box: Box, labels: Labels) -> Box:
    xs, ys = labels.to_page(np.array([box.left, box.right]), np.array([box.top, box.bottom]))
    return Box(float(xs[0]), float(ys[0]), float(xs[1]), float(ys[1]))


def small_print_among(
    found: Sequence[TextLine], region: Box, lines: Sequence[TextLine]
) -> List[TextLine]:
    """Return the lines found in a region that are print far smaller than the page's lines.

    A line at a side of the region may be the end of a longer one, and does not count.
    """
    highest = SMALL * float(np.median([line.box.height for line in lines]))

    def is_small(line: TextLine) -> bool:
        margin = MARGIN * line.box.height
        inside = region.left + margin < line.box.left and line.box.right < region.right - margin
        return inside and line.kind != HANDWRITTEN and line.box.height <= highest

    return [line for line in found if is_small(line)]


def cores_beside(cores: Sequence[Core], small: Sequence[TextLine], labels: Labels) -> List[Core]:
    """Return what remains of a page's cores without the parts that belong to small print."""
    remaining = []
    for core in cores:
        xs, ys = labels.to_page(core.columns.astype(np.float64), (core.upper + core.lower) / 2)
        outside = np.ones(len(xs), bool)
        for left, top, right, bottom in (line.box.as_tuple() for line in small):
            outside &= (xs < left) | (xs >= right) | (ys < top) | (ys >= bottom)
        if outside.all():
            remaining.append(core)
        elif outside.mean() > INSIDE:
            remaining.append(core.picked(np.flatnonzero(outside)))
    return remaining


def inserted(small: Sequence[TextLine], lines: Sequence[TextLine]) -> List[TextLine]:
    """Insert the small print of a region into a page's lines, whose order stays as it is.

    Each line follows the last one above it in its column, and the one before it in the region.

    Args:
        small: lines of one region, in reading order.
        lines: lines of the page, in reading order.
    """
    placed, earliest = list(lines), 0
    for line in small:
        column = [n for n, other in enumerate(placed) if _overlaps(line.box, other.box)]
        above = [n + 1 for n in column if placed[n].box.center[1] < line.box.center[1]]
        at = max(above) if above else min(column, default=len(placed))
        earliest = max(at, earliest) + 1
        placed.insert(earliest - 1, line)
    return placed


def _overlaps(one: Box, other: Box) -> bool:
    return one.left < other.right and other.left < one.right
