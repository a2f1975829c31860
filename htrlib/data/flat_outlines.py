"""Repair lines without an outline, or with a flat one: a band of a few pixels along the baseline.

Transkribus and other tools export such bands for lines of which only the baseline was drawn. A line
cut along one shows pieces of strokes instead of letters.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np

from htrlib.document.geometry import Box, Point, Polygon, Size, quarter_turned, turns_upright
from htrlib.document.kinds import HANDWRITTEN
from htrlib.document.results import TextLine
from htrlib.images.line_strips import line_extent

FEWEST_OUTLINES = 4
"""A page with fewer does not tell which are flat."""

ASCENT = 0.75
"""Share of a line's height that lies above its baseline."""

LONE = 0.1
"""Share of the page's height that its only line takes."""

FLAT = 0.35
"""Fraction of the page's usual thickness. Writing is rarely below 0.5, bands are below 0.3."""


def unflattened(lines: Sequence[Optional[TextLine]], size: Size) -> Dict[int, TextLine]:
    """Replace flat outlines by ones with the usual ascent and descent of the page's lines.

    Args:
        lines: lines of one page; those without polygon or baseline are left alone, those that run
            up or down the page, and print, which may be small.
        size: size of the page.
    Returns:
        The repaired lines, with new polygon and box, by their index.
    """
    outlines: List[Tuple[int, TextLine, Polygon, Tuple[Point, ...]]] = [
        (index, line, line.polygon, line.baseline)
        for index, line in enumerate(lines)
        if line is not None and line.polygon is not None and line.baseline is not None
        if not line.quarter_turns and line.kind in (None, HANDWRITTEN)
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
        polygon = Polygon(band(baseline, ascent, descent, size))
        try:
            mended[index] = replace(line, box=polygon.box, polygon=polygon)
        except ValueError:  # the baseline is vertical, so a band along it has no area
            continue
    return mended


def from_baselines(
    lines: Sequence[Optional[TextLine]], bare: Sequence[bool], size: Size
) -> List[Optional[TextLine]]:
    """Give lines that have only a baseline an outline around it.

    Its height is the usual height of the page's other lines, or else the distance between
    baselines. On a page with a single line it is a tenth of the page's height. Lines up or down the
    page are measured as if they were upright.

    Args:
        lines: lines of one page.
        bare: for each line, whether it has only a baseline.
        size: size of the page.
    """
    upright = [line and line.turned(line.quarter_turns) for line in lines]
    known = [line.box.height for line, is_bare in zip(upright, bare) if line and not is_bare]
    gaps = _gaps([line.baseline for line in lines if line is not None and line.baseline])
    height = float(np.median(known or gaps or [LONE * size.height]))
    outlined = list(lines)
    for index, (line, is_bare) in enumerate(zip(lines, bare)):
        if is_bare and line is not None and line.baseline is not None:
            ascent, descent = ASCENT * height, (1 - ASCENT) * height
            polygon = Polygon(band(line.baseline, ascent, descent, size))
            outlined[index] = replace(line, box=polygon.box, polygon=polygon)
    return outlined


def _gaps(baselines: Sequence[Tuple[Point, ...]]) -> List[float]:
    """Return the distance from each baseline to the next overlapping one above it, if any.

    Only lines that run the same way are compared.
    """
    spans = []
    for baseline in baselines:
        turns = turns_upright(baseline)
        xs, ys = zip(*(quarter_turned(point, turns) for point in baseline))
        spans.append((turns, sum(ys) / len(ys), min(xs), max(xs)))
    gaps = []
    for turns, y, left, right in spans:
        above = [
            y - other
            for way, other, start, end in spans
            if way == turns and y - other >= 1 and min(right, end) > max(left, start)
        ]
        gaps += [min(above)] if above else []
    return gaps


def _thickness(polygon: Polygon) -> float:
    """Return the mean height of an outline in pixels."""
    xs, ys = np.array(polygon.points).T
    twice = float((xs * np.roll(ys, -1) - ys * np.roll(xs, -1)).sum())
    return abs(twice) / 2 / max(1.0, float(np.ptp(xs)))


def band(
    baseline: Tuple[Point, ...], ascent: float, descent: float, size: Size
) -> Tuple[Point, ...]:
    """Return the outline that reaches the given distances above and below a baseline."""
    turns = turns_upright(baseline)
    base = sorted(quarter_turned(point, turns) for point in baseline)
    outline = [
        *((x, y - ascent) for x, y in base),
        *((x, y + descent) for x, y in reversed(base)),
    ]
    return tuple(
        (min(max(x, 0.0), float(size.width)), min(max(y, 0.0), float(size.height)))
        for x, y in (quarter_turned(point, -turns) for point in outline)
    )


def strip_along(baseline: Tuple[Point, ...], size: Size) -> Optional[Box]:
    """Return a thin box along a baseline, or None if that has no length on the page."""
    try:
        return Box.around(band(baseline, 1.0, 1.0, size))
    except ValueError:
        return None
