"""Find gutters: white strips between columns of text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.images.filters import median, percentiles

# (width in core thicknesses, lines on each side that must respect a gutter of that width): words
# that happen to end below each other leave strips that are narrow and short.
ENOUGH_LINES = ((7.0, 2), (4.0, 4), (2.5, 5), (1.4, 6), (0.6, 8))
NARROWEST = ENOUGH_LINES[-1][0]
BETWEEN_TEXTS = (0.3, 7)  # the same where lines on both sides are long, as on cropped facing pages
MOST_LINES = 0.8  # of all pieces: those that separate two pages, or columns as wide
PAGE_WIDTH = 27.0  # in core thicknesses: lines of facing pages are at least so long
ALIKE = 0.65  # of the other page's lines: so long are those of each of two facing pages
SAME_LINE = 0.8  # in core thicknesses: pieces whose heights differ by less belong to one line
TEXT_WIDTH = 23.0  # in core thicknesses: wider columns are text, not table cells
CELL_WIDTH = 9.0  # in core thicknesses: narrower columns are table cells
TWO_CELLS = 18.0  # in core thicknesses: cells are rarely so wide where lines are close
RAGGED = 0.66  # in column widths: typical length of lines of text in short paragraphs
CLOSE = 4.0  # in core thicknesses: lines at a smaller distance are those of print
SPARSE = 5.5  # in core thicknesses: distance of lines of which each may be a row of a table
FILLED = 0.75  # in column widths: typical length of lines of running text
REACH = 0.35  # of a column's width: what enters it less far is no part of it
STRAYS = 0.1  # of the lines beside a gutter: most that may cross it
BESIDE = 2.5  # in core thicknesses: lines across a gutter further off are not compared
ALIGNED = 0.75  # fraction of the compared lines of a table that are at the same height
CELLS = 1.4  # pieces of a line beside a gutter, on average: there are further cells
FEW_CELLS = 1.2  # the same where lines are at the same heights as across the gutter
MANY_PIECES = 800
"""On a page with more, such as a large table, one look at each gutter must do."""

ALWAYS_ALIGNED = 0.9  # that fraction where wide cells may be running text as well

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


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

    def outward(self, height: float) -> Tuple[List[int], List[int]]:
        """Return the pieces at a height and below, and those above it, the nearest first."""
        rows, downward, upward = self._by_row
        above = int(np.searchsorted(rows, height))
        return downward[above:], upward[len(rows) - above :]

    @cached_property
    def _by_row(self) -> Tuple[Floats, List[int], List[int]]:
        downward = np.argsort(self.row, kind="stable")
        upward = np.argsort(-self.row, kind="stable")
        return self.row[downward], downward.tolist(), upward.tolist()

    @cached_property
    def edges(self) -> Tuple[List[float], List[float]]:
        """The left and right edges as lists, which are faster to read one by one."""
        return self.left.tolist(), self.right.tolist()


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


def gutter_between(
    spans: Spans, first: int, second: int, beyond: Optional[Flags] = None
) -> Optional[Gutter]:
    """Return the gutter through the gap between two pieces on one line, or None.

    The strip extends from the gap up and down until a piece of text crosses it. It is a gutter if
    it is wide enough for the number of lines next to it.

    Args:
        first: index of the left piece.
        second: index of the right piece.
        beyond: (N,) bool, pieces in columns further off. They say nothing about what may cross it.
    """
    wide = float(min(spans.right[i] - spans.left[i] for i in (first, second)))
    found = _strip(spans, first, second, beyond, NARROWEST * spans.thickness)
    if found is None and wide > TEXT_WIDTH * spans.thickness:
        found = _strip(spans, first, second, beyond, BETWEEN_TEXTS[0] * spans.thickness)
    return found


def _strip(
    spans: Spans, first: int, second: int, beyond: Optional[Flags], narrowest: float
) -> Optional[Gutter]:
    """Return the gutter through a gap; pieces that leave less than `narrowest` free cross it."""
    lefts, rights = spans.edges
    low, high = rights[first], lefts[second]
    if high - low < narrowest:
        return None
    before, after = [first], [second]
    strays: List[int] = []
    for side in spans.outward((spans.row[first] + spans.row[second]) / 2):
        for index in side:
            if index in (first, second):
                continue
            room_right = high - max(low, rights[index])
            room_left = min(high, lefts[index]) - low
            if max(room_left, room_right) < narrowest:
                columns = [before, after]
                if beyond is not None:
                    columns = [[i for i in column if not beyond[i]] for column in columns]
                if len(strays) >= STRAYS * sum(map(len, columns)) or not _reaches_in(
                    spans, index, *columns
                ):
                    break
                strays.append(index)
                continue
            if room_right >= room_left:
                before.append(index)
                low = max(low, rights[index])
            else:
                after.append(index)
                high = min(high, lefts[index])
    if not _is_respected(spans, (high - low) / spans.thickness, before, after):
        return None
    for index in strays:
        on_left = low - spans.left[index] > spans.right[index] - high
        (before if on_left else after).append(index)
    return Gutter(low, high, tuple(before), tuple(after))


def _is_respected(spans: Spans, width: float, before: List[int], after: List[int]) -> bool:
    """Return whether enough lines keep a strip free whose width is given in core thicknesses."""
    enough = next((lines for least, lines in ENOUGH_LINES if width >= least), None)
    if enough is None:
        is_long = all(_Column.of(spans, side).usual > TEXT_WIDTH for side in (before, after))
        if not is_long or len(before) + len(after) < MOST_LINES * len(spans.row):
            return False
        enough = BETWEEN_TEXTS[1]
    return _lines_beside(spans, before, after) >= enough


def _reaches_in(spans: Spans, index: int, before: List[int], after: List[int]) -> bool:
    """Return whether a piece that crosses a gutter belongs to one column and enters the other.

    A heading lies across both alike.
    """
    sides = []
    for column in (before, after):
        left = median(spans.left[column])
        right = percentiles(spans.right[column], (90,)).item()
        inside = min(spans.right[index], right) - max(spans.left[index], left)
        sides.append(max(0.0, float(inside / max(1.0, right - left))))
    return min(sides) < REACH and min(sides) < max(sides) / 2


def is_table(spans: Spans, gutter: Gutter) -> bool:
    """Return whether a gutter separates table cells, which are read row by row."""
    sides = [list(side) for side in (gutter.before, gutter.after)]
    one, other = (_lines(spans, side) for side in sides)
    nearest = np.abs(one[:, np.newaxis] - other).min(axis=1) / spans.thickness
    beside = nearest <= BESIDE  # cells may be empty
    if not beside.any():
        return False
    aligned = float((nearest[beside] <= SAME_LINE).mean())
    pitch = float(np.median([*np.diff(one), *np.diff(other), 0.0])) / spans.thickness
    columns = [_Column.of(spans, side) for side in sides]
    cells = sum(len(side) for side in sides) / (len(one) + len(other))
    rows = aligned >= ALWAYS_ALIGNED and cells >= FEW_CELLS
    if pitch < SPARSE and not rows and _are_pages(spans, gutter, columns):
        return False
    some_short = cells >= CELLS or min(column.filled for column in columns) < FILLED
    if pitch >= SPARSE and aligned >= ALWAYS_ALIGNED and some_short:
        return True
    if all(column.is_running_text for column in columns):
        return False
    if pitch < CLOSE and all(c.widest >= TWO_CELLS and c.filled >= RAGGED for c in columns):
        return False
    return aligned >= ALIGNED


def _are_pages(spans: Spans, gutter: Gutter, columns: Sequence[_Column]) -> bool:
    """Return whether nearly all text is on both sides of a gutter, in lines as long as a page's.

    Lines of facing pages are at the same heights if both are ruled alike.
    """
    if len(gutter.before) + len(gutter.after) < MOST_LINES * len(spans.row):
        return False
    narrower, wider = sorted(column.widest for column in columns)
    return narrower >= max(PAGE_WIDTH, ALIKE * wider)


@dataclass(frozen=True)
class _Column:
    """Widths of the lines of a column, in core thicknesses: the usual one and the widest."""

    usual: float
    widest: float

    @classmethod
    def of(cls, spans: Spans, indices: List[int]) -> _Column:
        widths = (spans.right - spans.left)[indices] / spans.thickness
        usual, widest = np.percentile(widths, (50, 90))
        return cls(float(usual), float(widest))

    @property
    def filled(self) -> float:
        """How much of the column's width its usual line takes."""
        return self.usual / self.widest

    @property
    def is_running_text(self) -> bool:
        """Whether the lines have the length and regularity of running text."""
        return self.usual > TEXT_WIDTH or (self.usual > CELL_WIDTH and self.filled >= FILLED)


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
