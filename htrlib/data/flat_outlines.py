"""Outlines that are no outlines: bands of a few pixels along the baseline.

Transkribus and others give a line such a band when its baseline is drawn and its letters are not
outlined. Cut by it, a line shows strokes and no letter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np

from htrlib.document.geometry import Point, Polygon, Size
from htrlib.document.results import TextLine
from htrlib.images.line_strips import line_extent

FEWEST_OUTLINES = 4
"""A page with fewer does not tell which are flat."""

FLAT = 0.35
"""Of the page's usual thickness. Outlines of writing are hardly ever below 0.5, bands below 0.3."""


def unflattened(lines: Sequence[Optional[TextLine]], size: Size) -> Dict[int, TextLine]:
    """The lines with a flat outline, with one of the page's usual ascent and descent instead.

    Args:
        lines: of one page; those without a polygon and a baseline are left alone.
        size: of the page.
    Returns:
        Index of each line that was flat -> the line with the new polygon, and its box.
    """
    outlines: List[Tuple[int, TextLine, Polygon, Tuple[Point, ...]]] = [
        (index, line, line.polygon, line.baseline)
        for index, line in enumerate(lines)
        if line is not None and line.polygon is not None and line.baseline is not None
    ]
    if len(outlines) < FEWEST_OUTLINES:
        return {}
    thickness = {index: _thickness(polygon) for index, _, polygon, _ in outlines}
    least = FLAT * float(np.median(list(thickness.values())))
    flat = [outline for outline in outlines if thickness[outline[0]] < least]
    if not flat:
        return {}
    extents = [
        line_extent(polygon, baseline)
        for index, _, polygon, baseline in outlines
        if thickness[index] >= least
    ]
    ascent = float(np.median([extent.ascent for extent in extents]))
    descent = float(np.median([extent.descent for extent in extents]))
    mended = {}
    for index, line, _, baseline in flat:
        polygon = Polygon(_band(baseline, ascent, descent, size))
        try:
            mended[index] = replace(line, box=polygon.box, polygon=polygon)
        except ValueError:  # the baseline goes straight up: a band along it has no area
            continue
    return mended


def _thickness(polygon: Polygon) -> float:
    """Mean height in pixels."""
    xs, ys = np.array(polygon.points).T
    twice = float((xs * np.roll(ys, -1) - ys * np.roll(xs, -1)).sum())
    return abs(twice) / 2 / max(1.0, float(np.ptp(xs)))


def _band(
    baseline: Tuple[Point, ...], ascent: float, descent: float, size: Size
) -> Tuple[Point, ...]:
    base = sorted(baseline)
    return tuple(
        (x, min(max(y, 0.0), float(size.height)))
        for x, y in [
            *((x, y - ascent) for x, y in base),
            *((x, y + descent) for x, y in reversed(base)),
        ]
    )
