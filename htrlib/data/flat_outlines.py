"""Lines without an outline, and outlines that are none: bands of a few pixels along the baseline.

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

ASCENT = 0.75
"""Share of a line's height that lies above its baseline."""

LONE = 0.1
"""Share of the page's height that its only line takes."""

FLAT = 0.35
"""Fraction of the page's usual thickness. Writing is rarely below 0.5, bands are below 0.3."""


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
        polygon = Polygon(band(baseline, ascent, descent, size))
        try:
            mended[index] = replace(line, box=polygon.box, polygon=polygon)
        except ValueError:  # the baseline goes straight up: a band along it has no area
            continue
    return mended


def from_baselines(
    lines: Sequence[Optional[TextLine]], bare: Sequence[bool], size: Size
) -> List[Optional[TextLine]]:
    """The lines; those of which the baseline alone is known have an outline around it instead.

    It is as high as the page's other lines usually are, or else as far as baselines are apart. A
    page with a single line does not tell; it is taken for a tenth of the page's height.

    Args:
        lines: of one page.
        bare: which of them have nothing but a baseline.
        size: of the page.
    """
    known = [line.box.height for line, is_bare in zip(lines, bare) if line and not is_bare]
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
    """From each baseline to the next one above that overlaps it, where there is one."""
    spans = []
    for baseline in baselines:
        xs, ys = zip(*baseline)
        spans.append((sum(ys) / len(ys), min(xs), max(xs)))
    gaps = []
    for y, left, right in spans:
        above = [
            y - other
            for other, start, end in spans
            if y - other >= 1 and min(right, end) > max(left, start)
        ]
        gaps += [min(above)] if above else []
    return gaps


def _thickness(polygon: Polygon) -> float:
    """Mean height in pixels."""
    xs, ys = np.array(polygon.points).T
    twice = float((xs * np.roll(ys, -1) - ys * np.roll(xs, -1)).sum())
    return abs(twice) / 2 / max(1.0, float(np.ptp(xs)))


def band(
    baseline: Tuple[Point, ...], ascent: float, descent: float, size: Size
) -> Tuple[Point, ...]:
    """The outline of a line from that far above its baseline to that far below, on the page."""
    base = sorted(baseline)
    return tuple(
        (x, min(max(y, 0.0), float(size.height)))
        for x, y in [
            *((x, y - ascent) for x, y in base),
            *((x, y + descent) for x, y in reversed(base)),
        ]
    )
