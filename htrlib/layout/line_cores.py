"""Group the pixels that a labeler marks as line cores into lines with outlines."""

from __future__ import annotations

from dataclasses import replace
from functools import partial, reduce
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.document.results import TextLine
from htrlib.images.filters import long_runs, median, percentiles
from htrlib.layout.columns import BETWEEN_TEXTS, MANY_PIECES, gutter_between
from htrlib.layout.kind_changes import (
    SHORTEST_OF_KIND,
    SURE_OF_KIND,
    darkest_ink,
    pieces_of_one_kind,
)
from htrlib.layout.line_kinds import settled_kinds
from htrlib.layout.line_outlines import Core, Floats, outlined_lines, spans_of
from htrlib.layout.parts import connected_parts
from htrlib.layout.pixel_labels import MARKED, Labels
from htrlib.layout.white_strips import pieces_between, white_strips

TAUGHT_CORE = 0.45  # in ascents, from the baseline up: the core that labelers are trained to mark
THRESHOLDS = (MARKED, 0.7, 0.85)  # higher thresholds separate cores that touch
LEAST_CONFIDENCE = 0.72  # best on validation: at lower values, print is taken for handwriting
TOO_THICK = 1.8  # in typical thicknesses: thicker cores are two lines that touch
WIDEST_BRIDGE = 0.5  # fraction of columns in which strokes may join cores that are separated
SURE = 0.85  # minimum confidence of short rows, such as a letter or a digit
SPECK = 0.8  # in core thicknesses: lower short rows are not letters
SMALLEST = 2  # labels
SHORTEST = 0.5  # in core thicknesses: shorter cores are specks
LONG = 2.0  # in core thicknesses: longer rows need less confidence
LONGEST_GAP = 7.0  # in core thicknesses: maximum gap between parts of a line
LARGEST_STEP = 1.4  # in core thicknesses: maximum vertical offset between parts of a line
TAIL_LENGTH = 6.0  # in core thicknesses: shorter pieces may be a loop below a line
TAIL_DISTANCE = 0.65  # in typical line distances: such a piece closer to a line is a loop


def lines_from_labels(labels: Labels) -> Tuple[TextLine, ...]:
    """Return lines in reading order, in page pixels."""
    return lines_from_cores(cores_from_labels(labels), labels)


def cores_from_labels(labels: Labels) -> List[Core]:
    """Return what is marked as cores, in label pixels, before they are joined to lines."""
    usual = labels.core_thickness
    return _cores(labels.probabilities[0], labels.kinds, labels.ink, usual) if usual else []


def lines_from_cores(cores: Sequence[Core], labels: Labels) -> Tuple[TextLine, ...]:
    """Join cores to lines; return these in reading order, in page pixels."""
    usual = labels.core_thickness
    parts = [part for part in cores if part.right - part.left >= SHORTEST * usual]
    if not parts:
        return ()
    slope = common_slope(parts)
    parts = _within_columns(parts, labels.ink, slope, usual)
    rows = link(parts, usual, slope)
    rows = [row for row in rows if _is_text(row, usual)]
    rows = _without_tails(rows, usual, slope)
    return outlined_lines(settled_kinds(rows), slope, labels.ink, labels.to_page)


def _within_columns(
    parts: Sequence[Core], ink: NDArray[np.uint8], slope: float, usual: float
) -> List[Core]:
    """Cut the parts that run across the white strip between two columns."""
    middles = [((part.upper + part.lower) / 2).astype(int) for part in parts]
    strips = white_strips(ink, slope, usual)
    if not strips.any():
        return list(parts)
    return [
        part if len(indices) == len(part.columns) else part.picked(indices)
        for part, rows in zip(parts, middles)
        for indices in pieces_between(part.columns, rows, strips)
        if len(indices) >= SHORTEST * usual
    ]


def _is_text(row: Core, usual: float) -> bool:
    """Return whether a row is long enough for its confidence, so that it is not a speck."""
    length = row.right - row.left
    if length >= LONG * usual:
        return row.confidence >= LEAST_CONFIDENCE
    tall = row.thickness >= SPECK * usual and length >= SMALLEST
    return tall and row.confidence >= SURE


def _cores(
    core: NDArray[np.float32],
    kinds: NDArray[np.float32],
    ink: NDArray[np.uint8],
    usual: float,
    thresholds: Sequence[float] = THRESHOLDS,
) -> List[Core]:
    found: List[Core] = []
    for part in connected_parts(core > thresholds[0]):
        mask, rows, columns = part.mask, part.rows, part.columns
        inside = mask.any(axis=0)
        upper = mask.argmax(axis=0)[inside]
        lower = mask.shape[0] - mask[::-1].argmax(axis=0)[inside]
        around = core[rows, columns], kinds[:, rows, columns], ink[rows, columns]
        if percentiles(lower - upper, (80,)).item() > TOO_THICK * usual:
            apart = _apart(mask, *around, usual, thresholds)
            if apart is not None:
                found += [_shifted(one, columns.start, rows.start) for one in apart]
                continue
        one = Core(
            columns.start + np.flatnonzero(inside),
            rows.start + upper.astype(np.float64),
            rows.start + lower.astype(np.float64),
            float(around[0][mask].mean()),
        )
        by_column = (around[1] * mask).sum(axis=1)[:, inside] / mask.sum(axis=0)[inside]
        darkest = partial(darkest_ink, mask, around[2], usual)
        found += pieces_of_one_kind(one, by_column, darkest, usual)
    return found


def _apart(
    mask: NDArray[np.bool_],
    core: NDArray[np.float32],
    kinds: NDArray[np.float32],
    ink: NDArray[np.uint8],
    usual: float,
    thresholds: Sequence[float],
) -> Optional[List[Core]]:
    """Separate the cores that touch in a mask, or return None if that is not possible."""
    tall = int(TOO_THICK * usual) + 1
    bridges = long_runs(mask.T, tall).T
    if 0 < bridges.any(axis=0).mean() < WIDEST_BRIDGE:
        return _cores(np.where(mask & ~bridges, core, 0), kinds, ink, usual, thresholds)
    if len(thresholds) > 1:
        return _cores(np.where(mask, core, 0), kinds, ink, usual, thresholds[1:])
    return None


def _shifted(core: Core, columns: int, rows: int) -> Core:
    return replace(
        core, columns=core.columns + columns, upper=core.upper + rows, lower=core.lower + rows
    )


def common_slope(parts: Sequence[Core]) -> float:
    """Return the lines' common slope: the median of the parts' slopes, weighted by length."""
    slopes, weights = [], []
    for part in parts:
        length = part.right - part.left
        if length >= 6 * part.thickness:
            slopes.append(float(np.polyfit(part.columns, (part.upper + part.lower) / 2, 1)[0]))
            weights.append(length)
    if not slopes:
        return 0.0
    order = np.argsort(slopes)
    share = np.cumsum(np.array(weights)[order]) / sum(weights)
    return float(np.array(slopes)[order][int(np.searchsorted(share, 0.5))])


def _end_height(part: Core, right: bool, reach: float) -> float:
    """Return the vertical center of a part near one of its ends."""
    middle = (part.upper + part.lower) / 2
    near = part.columns >= part.right - reach if right else part.columns < part.left + reach
    return float(middle[near].mean())


def link(parts: Sequence[Core], usual: float, slope: float) -> List[Core]:
    """Join the parts of each line.

    Args:
        parts: parts in any order, which does not affect the result.
        usual: typical thickness of a core.
        slope: common slope of the lines, pixels down per pixel right.
    """
    parts = sorted(parts, key=lambda part: (part.left, part.right, part.upper[0], part.lower[0]))
    reach = 4 * usual
    lefts, rights = (np.array([getattr(p, side) for p in parts]) for side in ("left", "right"))
    starts = np.array([_end_height(part, False, reach) for part in parts])
    ends = np.array([_end_height(part, True, reach) for part in parts])
    gaps = lefts - rights[:, np.newaxis]
    steps = np.abs(starts - ends[:, np.newaxis] - slope * (gaps + reach))
    fits = (-usual <= gaps) & (gaps <= LONGEST_GAP * usual) & (steps <= LARGEST_STEP * usual)
    # Of two overlapping parts only one may follow the other, or they would form a cycle.
    fits &= (lefts > lefts[:, np.newaxis]) & (rights > rights[:, np.newaxis])
    fits &= ~_of_two_kinds(parts, usual)
    spans = replace(spans_of(parts, slope), thickness=usual)
    many = len(parts) > MANY_PIECES
    for i, j in zip(*np.nonzero(fits & (gaps >= BETWEEN_TEXTS[0] * usual))):
        if not fits[i, j]:
            continue
        gutter = gutter_between(spans, int(i), int(j))
        if gutter is not None:
            fits[i, j] = False
            if many:
                fits[np.ix_(gutter.before, gutter.after)] = False
    costs = np.where(fits, steps + 0.1 * np.maximum(gaps, 0), np.inf)
    return [reduce(Core.joined, (parts[i] for i in chain)) for chain in chains(costs)]


def _of_two_kinds(parts: Sequence[Core], usual: float) -> NDArray[np.bool_]:
    """Return (N, N) whether one part is certainly handwritten and the other certainly not."""
    written = np.array([part.kinds[0] if len(part.kinds) else 0.5 for part in parts])
    long = np.array([part.right - part.left >= SHORTEST_OF_KIND * usual for part in parts])
    by_hand, by_machine = long & (written > SURE_OF_KIND), long & (written < 1 - SURE_OF_KIND)
    return np.asarray((by_hand[:, np.newaxis] & by_machine) | (by_machine[:, np.newaxis] & by_hand))


def chains(costs: Floats) -> List[List[int]]:
    """Form chains by joining the cheapest pairs first; each end is joined once.

    Args:
        costs: (N, N) cost of letting the second follow the first; infinite if it must not. Finite
            costs must form no cycles.
    Returns:
        Chains that contain all N indices, each once.
    """
    first, second = np.nonzero(np.isfinite(costs))
    following: Dict[int, int] = {}
    preceding: Dict[int, int] = {}
    for at in np.lexsort((second, first, costs[first, second])):
        i, j = int(first[at]), int(second[at])
        if i not in following and j not in preceding:
            following[i], preceding[j] = j, i
    found = []
    for start in range(len(costs)):
        if start not in preceding:
            chain = [start]
            while chain[-1] in following:
                chain.append(following[chain[-1]])
            found.append(chain)
    return found


def _without_tails(rows: Sequence[Core], usual: float, slope: float) -> List[Core]:
    """Remove short rows between lines: descenders and flourishes that look like text."""
    heights = [median((r.upper + r.lower) / 2 - slope * r.columns) for r in rows]
    short = [row.right - row.left < TAIL_LENGTH * usual for row in rows]

    def distances(index: int) -> List[float]:
        row = rows[index]
        return [
            abs(heights[index] - heights[i])
            for i, other in enumerate(rows)
            if i != index
            and not short[i]
            and min(row.right, other.right) > max(row.left, other.left)
        ]

    nearest = [min(distances(i), default=np.inf) for i in range(len(rows))]
    usual_distance = np.median([d for d, s in zip(nearest, short) if not s and d < np.inf] or [0.0])
    return [
        row
        for row, distance, is_short in zip(rows, nearest, short)
        if not (is_short and distance < TAIL_DISTANCE * usual_distance)
    ]
