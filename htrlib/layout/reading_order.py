"""Find the reading order: down each column, columns from left to right."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Optional, Sequence, Set, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.document.geometry import Box
from htrlib.document.results import TextLine
from htrlib.layout.columns import (
    BESIDE,
    MANY_PIECES,
    SAME_LINE,
    Gutter,
    Spans,
    gutter_between,
    is_table,
)

LEAST_OVERLAP = 0.5  # in core thicknesses: lines that overlap less horizontally are side by side
BLOCK_GAP = 1.5  # in line heights: lines with more paper between them are two blocks

Flags = NDArray[np.bool_]


def reading_order(spans: Spans) -> List[int]:
    """Return the indices of lines in reading order.

    Lines at the same height form a row, read from left to right, unless a gutter separates them. A
    row precedes rows below it in the same columns, and everything beyond a gutter on its right, as
    far down as no row crosses the gutter. Other rows are read from the top. The relation follows
    T. Breuel, 2003, "High Performance Document Layout Analysis", except that there everything on
    the left counts as a column.
    """
    gutters, parted = _column_gutters(spans)
    spans = _within(spans, gutters)
    rows = _rows(spans, parted)
    left = np.array([spans.left[row].min() for row in rows])
    right = np.array([spans.right[row].max() for row in rows])
    height = np.array([spans.row[row].mean() for row in rows])
    shared = np.minimum(right, right[:, np.newaxis]) - np.maximum(left, left[:, np.newaxis])
    before = (shared > LEAST_OVERLAP * spans.thickness) & (height[:, np.newaxis] < height)
    row_of = np.empty(len(spans.row), int)
    for number, row in enumerate(rows):
        row_of[row] = number
    firsts, seconds = np.nonzero(parted)
    before[row_of[firsts], row_of[seconds]] = True
    return [index for row in _sorted(before, np.lexsort((left, height))) for index in rows[row]]


def place_of_block(lines: Sequence[TextLine], block: Box) -> int:
    """Return how many lines precede a block of text that runs up or down the page.

    It follows the block of lines that it stands beside, and precedes what is below it otherwise.

    Args:
        lines: lines in reading order; those that run up or down the page do not count.
        block: box of the block.
    """
    level = [index for index, line in enumerate(lines) if not line.quarter_turns]
    boxes = [lines[index].box for index in level]
    beside = [index for index, box in enumerate(boxes) if _faces(box, block, boxes)]
    if beside:
        last = beside[-1]
        while last + 1 < len(boxes) and _continues(boxes[last], boxes[last + 1]):
            last += 1
        return level[last] + 1
    below = (i for i, box in zip(level, boxes) if box.center[1] > block.center[1])
    return next(below, len(lines))


def _faces(line: Box, block: Box, lines: Sequence[Box]) -> bool:
    """Return whether a line is beside a block, and no other line is between them."""
    if _shared_height(line, block) <= 0.5 * line.height:
        return False
    is_left = line.center[0] < block.center[0]
    between = (line.right, block.left) if is_left else (block.right, line.left)
    return not any(
        _shared_height(line, other) > 0.5 * line.height
        and between[0] < other.center[0] < between[1]
        for other in lines
    )


def _continues(line: Box, following: Box) -> bool:
    """Return whether a line is right below another, with no gap as between blocks."""
    gap = following.top - line.bottom
    shared = min(line.right, following.right) - max(line.left, following.left)
    return shared > 0 and following.center[1] > line.center[1] and gap < BLOCK_GAP * line.height


def _shared_height(one: Box, other: Box) -> float:
    return min(one.bottom, other.bottom) - max(one.top, other.top)


def _within(spans: Spans, gutters: Sequence[Gutter]) -> Spans:
    """Cut off what reaches across a gutter."""
    left, right = spans.left.copy(), spans.right.copy()
    for gutter in gutters:
        before, after = list(gutter.before), list(gutter.after)
        right[before] = np.minimum(right[before], gutter.left)
        left[after] = np.maximum(left[after], gutter.right)
    return replace(spans, left=left, right=right)


def _neighbor(spans: Spans, first: int, reach: float) -> Optional[int]:
    """Return the nearest piece on the right whose height differs by at most `reach`.

    Of short pieces that begin at the same place, only the later one is a neighbor, or both would
    follow each other.
    """
    slack = SAME_LINE * spans.thickness
    beside = np.abs(spans.row - spans.row[first]) <= reach
    beside &= spans.left >= np.maximum(spans.right[first] - slack, spans.left[first])
    beside[: first + 1] &= spans.left[: first + 1] > spans.left[first]
    found = np.flatnonzero(beside)
    return int(found[np.argmin(spans.left[found])]) if len(found) else None


def _column_gutters(spans: Spans) -> Tuple[List[Gutter], Flags]:
    """Return the gutters, and (N, N) bool: whether one lies between pieces i and j."""
    found: List[Gutter] = []
    parted = np.zeros((len(spans.row), len(spans.row)), bool)
    within_tables = parted.copy()
    for first in range(len(spans.row)):
        second = _neighbor(spans, first, BESIDE * spans.thickness)
        if second is None or parted[first, second] or within_tables[first, second]:
            continue
        gap = [first, second]
        beyond = (parted[gap] | parted[:, gap].T).any(axis=0)
        gutter = gutter_between(spans, first, second, beyond)
        if gutter is not None and not is_table(spans, gutter):
            found.append(gutter)
            parted[np.ix_(gutter.before, gutter.after)] = True
        elif gutter is not None and len(spans.row) > MANY_PIECES:
            within_tables[np.ix_(gutter.before, gutter.after)] = True
    return found, parted


def _rows(spans: Spans, parted: Flags) -> List[List[int]]:
    """Group lines at the same height, without a gutter between them, into rows, left to right."""
    following: Dict[int, int] = {}
    taken: Set[int] = set()
    for first in np.argsort(spans.left, kind="stable").tolist():
        second = _neighbor(spans, first, SAME_LINE * spans.thickness)
        if second is not None and second not in taken and not parted[first, second]:
            following[first] = second
            taken.add(second)
    rows = []
    for start in range(len(spans.row)):
        if start not in taken:
            row = [start]
            while row[-1] in following:
                row.append(following[row[-1]])
            rows.append(row)
    return rows


def _sorted(before: Flags, preferred: Sequence[int]) -> List[int]:
    """Sort indices topologically; cycles are broken by the preferred order."""
    rank = np.empty(len(before), int)
    rank[np.asarray(preferred, int)] = np.arange(len(before))
    seen = np.zeros(len(before), bool)
    order: List[int] = []
    for start in preferred:
        path = [int(start)]
        on_path = {int(start)}
        while path:
            index = path[-1]
            waiting = [
                int(i) for i in np.flatnonzero(before[:, index] & ~seen) if int(i) not in on_path
            ]
            if waiting and not seen[index]:
                path.append(min(waiting, key=rank.__getitem__))
                on_path.add(path[-1])
                continue
            if not seen[index]:
                seen[index] = True
                order.append(index)
            on_path.discard(path.pop())
    return order
