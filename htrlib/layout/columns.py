"""Gutters between columns: white strips that lines on both sides keep free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

# A gutter as wide as so many times a core's thickness is kept free by so many lines on each side:
# words that happen to end at one place under each other leave narrow strips, and short ones.
ENOUGH_LINES = ((7.0, 2), (4.0, 4), (2.5, 5), (1.4, 6), (0.8, 8))
NARROWEST = ENOUGH_LINES[-1][0]
SAME_LINE = 0.8  # of a core's thickness: rows that differ by less are one line's
TEXT_WIDTH = 23.0  # times a core's thickness: what is wider is a column of text, not of a table
CELL_WIDTH = 9.0  # times a core's thickness: what is narrower is a column of a table
FILLED = 0.75  # of a column's width: the usual line of running text
BESIDE = 2.5  # of a core's thickness, up or down: lines of neighboring columns
ALIGNED = 0.75  # share of the lines beside those of the next column that are at their very height

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Spans:
    """Pieces of text as seen along the page's slope.

    Attributes:
        left: (N,) float64 first columns.
        right: (N,) float64 columns after the last.
        row: (N,) float64 heights of their middles.
        thickness: the usual height of small letters.
    """

    left: Floats
    right: Floats
    row: Floats
    thickness: float


@dataclass(frozen=True)
class Gutter:
    """A white strip and the pieces of text that border on it.

    Attributes:
        left: column at which it begins.
        right: column at which it ends.
        before: indices of the pieces on its left, as far up and down as it goes.
        after: indices of those on its right.
    """

    left: float
    right: float
    before: Tuple[int, ...]
    after: Tuple[int, ...]


def gutter_between(spans: Spans, first: int, second: int) -> Optional[Gutter]:
    """The gutter in the gap between two pieces of one height, or None where the gap is a gap.

    From the gap the strip is followed up and down until a piece of text crosses it. It is a gutter
    if it is wide enough for the lines that it passes.

    Args:
        first: the piece on the left.
        second: the piece on the right.
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
    """Return whether the lines of a column are as long and as even as running text."""
    widths = (spans.right - spans.left)[indices]
    usual, widest = np.percentile(widths, (50, 90))
    if usual > TEXT_WIDTH * spans.thickness:
        return True
    return bool(usual > CELL_WIDTH * spans.thickness and usual >= FILLED * widest)


def _lines(spans: Spans, indices: Sequence[int]) -> Floats:
    """The heights of the lines that pieces belong to, rising."""
    rows = np.sort(spans.row[list(indices)])
    apart = np.diff(rows, prepend=-np.inf) > SAME_LINE * spans.thickness
    return rows[apart]


def _lines_beside(spans: Spans, before: List[int], after: List[int]) -> int:
    """Count the lines on the side with fewer, over the height where both sides have lines."""
    one, other = _lines(spans, before), _lines(spans, after)
    slack = 2.0 * spans.thickness
    top = max(one[0], other[0]) - slack
    bottom = min(one[-1], other[-1]) + slack
    return min(int(((rows >= top) & (rows <= bottom)).sum()) for rows in (one, other))
