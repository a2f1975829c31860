"""Split a line's outline in two, clip it to the page, or join two outlines."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Optional, Sequence, Tuple

from htrlib.document.geometry import Box, Point, Polygon, Size
from htrlib.document.results import TextLine
from htrlib.errors import CorrectionError


def cut_place(place: TextLine, x: float) -> Tuple[TextLine, TextLine]:
    """Split a line at a column into a left and a right part.

    Args:
        x: column in page pixels.
    Raises:
        CorrectionError: the column does not cross the line.
    """
    box = place.box
    if not box.left + 1 <= x <= box.right - 1:
        raise CorrectionError(
            f"a line from {box.left:.0f} to {box.right:.0f} cannot be split at column {x:.0f}; "
            "choose a column between its ends"
        )
    return _part(place, x, -1.0), _part(place, x, 1.0)


def joined_place(first: TextLine, second: TextLine) -> TextLine:
    """Join two lines: the convex hull of their outlines, and a joint baseline."""
    turns = first.quarter_turns
    if turns:
        return joined_place(first.turned(turns), second.turned(turns)).turned(-turns)
    points = [*_outline(first), *_outline(second)]
    hull = _hull(points)
    baseline: Optional[Tuple[Point, ...]] = None
    if first.baseline is not None and second.baseline is not None:
        baseline = tuple(sorted((*first.baseline, *second.baseline)))
    return replace(
        first,
        box=first.box.union(second.box),
        polygon=None if first.polygon is None and second.polygon is None else Polygon(hull),
        baseline=baseline,
        confidence=min(first.confidence, second.confidence),
    )


def on_page(place: TextLine, size: Size) -> TextLine:
    """Clip an outline to the page.

    Raises:
        CorrectionError: all of it lies outside.
    """
    try:
        box = place.box.clipped(size)
        if min(box.width, box.height) < 1:
            raise ValueError
        polygon = place.polygon
        if polygon is not None:
            polygon = Polygon(_clamped(polygon.points, size))
            box = polygon.box
    except ValueError:
        raise CorrectionError(
            f"an outline must cover at least one pixel of the page of {size.width} x "
            f"{size.height}; found {place.box.as_tuple()}"
        ) from None
    baseline = None if place.baseline is None else _clamped(place.baseline, size)
    return replace(place, box=box, polygon=polygon, baseline=baseline)


def _clamped(points: Sequence[Tuple[float, float]], size: Size) -> Tuple[Tuple[float, float], ...]:
    return tuple(
        (min(max(x, 0.0), float(size.width)), min(max(y, 0.0), float(size.height)))
        for x, y in points
    )


def _part(place: TextLine, x: float, side: float) -> TextLine:
    """Return the part of an outline to the left (side -1) or right (1) of a column."""
    box = place.box
    box = (
        Box(box.left, box.top, x, box.bottom)
        if side < 0
        else Box(x, box.top, box.right, box.bottom)
    )
    polygon = None if place.polygon is None else _half(place.polygon.points, x, side)
    if polygon is not None:
        box = polygon.box
    baseline = None
    if place.baseline is not None:
        kept = _crossed(place.baseline, x, side, closed=False)
        baseline = tuple(kept) if len(kept) > 1 else None
    return replace(place, box=box, polygon=polygon, baseline=baseline)


def _half(points: Sequence[Point], x: float, side: float) -> Optional[Polygon]:
    kept = _crossed(points, x, side, closed=True)
    try:
        polygon = Polygon(tuple(kept))
        _ = polygon.box
    except ValueError:  # no area is left
        return None
    return polygon


def _crossed(points: Sequence[Point], x: float, side: float, *, closed: bool) -> List[Point]:
    """Return the points on one side of a column, and those where the path crosses it.

    After Sutherland and Hodgman, "Reentrant polygon clipping", 1974.
    """
    kept: List[Point] = []
    path = list(points)
    starts = path if closed else path[:-1]
    ends = [*path[1:], path[0]] if closed else path[1:]
    for (x0, y0), (x1, y1) in zip(starts, ends):
        if side * (x0 - x) >= 0:
            kept.append((x0, y0))
        if (x0 - x) * (x1 - x) < 0:
            kept.append((x, y0 + (y1 - y0) * (x - x0) / (x1 - x0)))
    if not closed and side * (path[-1][0] - x) >= 0:
        kept.append(path[-1])
    return kept


def _outline(place: TextLine) -> Tuple[Point, ...]:
    if place.polygon is not None:
        return place.polygon.points
    left, top, right, bottom = place.box.as_tuple()
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def _hull(points: Sequence[Point]) -> Tuple[Point, ...]:
    """Compute the convex hull by Andrew's monotone chain (1979)."""
    ordered = sorted(set(points))

    def chain(path: Sequence[Point]) -> List[Point]:
        kept: List[Point] = []
        for point in path:
            while len(kept) > 1 and _turn(kept[-2], kept[-1], point) <= 0:
                kept.pop()
            kept.append(point)
        return kept[:-1]

    return tuple(chain(ordered) + chain(ordered[::-1]))


def _turn(a: Point, b: Point, c: Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
