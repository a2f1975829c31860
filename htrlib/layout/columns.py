"""Find gutters: white strips between columns of text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

# (width in core thicknesses, lines on each side that must respect a gutter of that width): words
# that happen to end below each other leave strips that are narrow and short.
ENOUGH_LINES = ((7.0, 2), (4.0, 4), (2.5, 5), (1.4, 6), (0.8, 8))
NARROWEST = ENOUGH_LINES[-1][0]
SAME_LINE = 0.8  # in core thicknesses: pieces whose heights differ by less belong to one line
TEXT_WIDTH = 23.0  # in core thicknesses: wider columns are text, not table cells
CELL_WIDTH = 9.0  # in core thicknesses: narrower columns are table cells
FILLED = 0.75  # in column widths: typical length of lines of running text
BESIDE = 2.5  # in core thicknesses: lines across a gutter further off are not compared
ALIGNED = 0.75  # fraction of the compared lines that must be at the same height

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Spans:
    """Pieces of text in coordinates rotated by the page's slope.

    Attributes:
        left: (N,) float64 left edges.
        right: (N,) float64 right edges, exclusive.
        row: (N,) float64 vertical centers.
        thickness: typical height of small letters.
    """

    left: Floats
    right: Floats
    row: Floats
    thickness: float


@dataclass(frozen=True)
class Gutter:
    """A white strip between columns, and the pieces of text next to it.

    Attributes:
        left: left edge.
        right: right edge.
        before: indices of the pieces on its left, over its whole height.
        after: indices of the pieces on its right.
    """

    left: float
    right: float
    before: Tuple[int, ...]
    after: Tuple[int, ...]


def gutter_between(spans: Spans, first: int, second: int) -> Optional[Gutter]:
    """Return the gutter through the gap between two pieces on one line, or None.

    The strip extends from the gap up and down until a piece of text crosses it. It is a gutter if
    it is wide enough for the number of lines next to it.

    Args:
        first: index of the left piece.
        second: index of the right piece.
    """
    narrowest = NARROWEST * spans.thickness
    low, high = float(spans.right[first]), float(spans.left[second])
    if high - low < narrowest:
        return None
    height = (spans.row[first] + spans.row[second]) / 2
    distance = spans.row - height
    lefts, rights = spans.left.tolist(), spans.right.tolist()
    before, after = [first], [second]
    others = np.ones(len(spans.row), bool)
    others[[first, second]] = False
    for downward in (True, False):
        side = np.flatnonzero(others & ((distance >= 0) == downward))
        for index in side[np.argsort(np.abs(distance[side]), kind="stable")].tolist():
            room_right = high - max(low, rights[index])
            room_left = min(high, lefts[index]) - low
            if max(room_left, room_right) < narrowest:
                break
            if room_right >= room_left:
                before.append(index)
                low = max(low, rights[index])
            else:
                after.append(index)
                high = min(high, lefts[index])
    enough = next((n for width, n in ENOUGH_LINES if high - low >= width * spans.thickness), None)
    if enough is None or _lines_beside(spans, before, after) < enough:
        return None
    return Gutter(low, high, tuple(before), tuple(after))


def is_table(spans: Spans, gutter: Gutter) -> bool:
    """Return whether a gutter separates table cells, which are read row by row."""
    before, after = list(gutter.before), list(gutter.after)
    if all(_is_running_text(spans, side) for side in (before, after)):
        return False
    one, other = _lines(spans, before), _lines(spans, after)
    nearest = np.abs(one[:, np.newaxis] - other).min(axis=1) / spans.thickness
    beside = nearest <= BESIDE  # cells may be empty
    return bool(beside.any() and (nearest[beside] <= SAME_LINE).mean() >= ALIGNED)


def _is_running_text(spans: Spans, indices: List[int]) -> bool:
    """Return whether a column's lines have the length and regularity of running text."""
    widths = (spans.right - spans.left)[indices]
    usual, widest = np.percentile(widths, (50, 90))
    if usual > TEXT_WIDTH * spans.thickness:
        return True
    return bool(usual > CELL_WIDTH * spans.thickness and usual >= FILLED * widest)


def _lines(spans: Spans, indices: Sequence[int]) -> Floats:
    """Return the vertical positions of the lines that the pieces form, ascending."""
    rows = np.sort(spans.row[list(indices)])
    apart = np.diff(rows, prepend=-np.inf) > SAME_LINE * spans.thickness
    return rows[apart]


def _lines_beside(spans: Spans, before: List[int], after: List[int]) -> int:
    """Return the smaller of both sides' numbers of lines, over the height they share."""
    one, other = _lines(spans, before), _lines(spans, after)
    slack = 2.0 * spans.thickness
    top = max(one[0], other[0]) - slack
    bottom = min(one[-1], other[-1]) + slack
    return min(int(((rows >= top) & (rows <= bottom)).sum()) for rows in (one, other))
