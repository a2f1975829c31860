"""Group the pixels that a labeler calls the cores of lines into lines with outlines."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.document.geometry import Box, Point, Polygon
from htrlib.document.results import HANDWRITTEN, KINDS, TextLine
from htrlib.images.filters import long_runs, mean_filter
from htrlib.layout.columns import NARROWEST, Spans, gutter_between
from htrlib.layout.parts import connected_parts
from htrlib.layout.pixel_labels import Labels
from htrlib.layout.reading_order import reading_order
from htrlib.layout.seams import Seams

TAUGHT_CORE = 0.45  # of a line's ascent, from the baseline up: what labelers are trained to mark
CORE = 0.47  # of a line's ascent: what they mark as more likely than not, which is a little more
DESCENT = 0.42  # of a line's ascent
THRESHOLDS = (0.5, 0.7, 0.85)  # cores that run together come apart at a higher one
LEAST_CONFIDENCE = 0.72  # the best on validation: below it, print is half taken for writing
TOO_THICK = 1.8  # times the usual thickness: two lines that run together
WIDEST_BRIDGE = 0.5  # share of the columns in which strokes may join cores that are cut apart
SURE = 0.85  # short rows, a letter or a figure, are text from here on
SPECK = 0.8  # of a core's thickness: a short row that is lower is no letter
SMALLEST = 2  # labels
SHORTEST = 0.5  # of a core's thickness: shorter cores are specks
SHORTEST_OF_KIND = 3.0  # of a core's thickness: shorter pieces leave their kind open
SURE_OF_KIND = 0.75
LONG = 2.0  # of a core's thickness: longer rows are text even if less sure
LONGEST_GAP = 7.0  # of a core's thickness, between parts of one line
LARGEST_STEP = 1.4  # of a core's thickness, up or down between parts of one line
TAIL_LENGTH = 6.0  # times a core's thickness: what is shorter can be a loop below a line
TAIL_DISTANCE = 0.65  # of the usual distance between lines: and is one where it stands closer
OUTLINE_STEP = 2.0  # of a core's thickness, between points of an outline

Floats = NDArray[np.float64]
ToPage = Callable[[Floats, Floats], Tuple[Floats, Floats]]


@dataclass(frozen=True, eq=False)
class Core:
    """A part of a line: columns with the core's upper and lower edge, in labels.

    Attributes:
        columns: (N,) int64, rising, gaps allowed.
        upper: (N,) float64.
        lower: (N,) float64, exclusive: the baseline.
        confidence: mean probability.
        kinds: (K,) float64 mean probability of each of `KINDS`; empty where a network knows
            handwriting alone.
    """

    columns: NDArray[np.int64]
    upper: Floats
    lower: Floats
    confidence: float
    kinds: Floats = field(default_factory=lambda: np.zeros(0))

    @property
    def left(self) -> int:
        return int(self.columns[0])

    @property
    def right(self) -> int:
        return int(self.columns[-1]) + 1

    @property
    def thickness(self) -> float:
        return float(np.median(self.lower - self.upper))

    def joined(self, other: Core) -> Core:
        """Both as one; the other lies to the right."""
        sizes = len(self.columns), len(other.columns)
        return Core(
            np.concatenate((self.columns, other.columns)),
            np.concatenate((self.upper, other.upper)),
            np.concatenate((self.lower, other.lower)),
            float(np.average((self.confidence, other.confidence), weights=sizes)),
            np.average((self.kinds, other.kinds), axis=0, weights=sizes),
        )


def core_thickness(probabilities: NDArray[np.float32]) -> float:
    """The usual thickness of cores in labels; 0 where there are none."""
    mask = probabilities > THRESHOLDS[0]
    columns = mask.any(axis=0)
    if not columns.any():
        return 0.0
    starts = mask & ~np.pad(mask, ((1, 0), (0, 0)))[:-1]
    return float(np.median(mask.sum(axis=0)[columns] / starts.sum(axis=0)[columns]))


def lines_from_labels(labels: Labels) -> Tuple[TextLine, ...]:
    """Lines in reading order, in page pixels."""
    core = labels.probabilities[0]
    usual = core_thickness(core)
    if usual == 0.0:
        return ()
    parts = _cores(core, labels.kinds, usual)
    parts = [part for part in parts if part.right - part.left >= SHORTEST * usual]
    if not parts:
        return ()
    slope = common_slope(parts)
    rows = link(parts, usual, slope)
    rows = [row for row in rows if _is_text(row, usual)]
    rows = _without_tails(rows, usual, slope)
    return outlined_lines(rows, slope, labels.ink, labels.to_page)


def _is_text(row: Core, usual: float) -> bool:
    """Return whether a row is long enough, given its confidence, to be more than a speck."""
    length = row.right - row.left
    if length >= LONG * usual:
        return row.confidence >= LEAST_CONFIDENCE
    tall = row.thickness >= SPECK * usual and length >= SMALLEST
    return tall and row.confidence >= SURE


def outlined_lines(
    rows: Sequence[Core], slope: float, ink: NDArray[np.uint8], to_page: ToPage
) -> Tuple[TextLine, ...]:
    """Find how far each line reaches up and down.

    Args:
        rows: the lines' cores, in any order.
        slope: common to all lines, pixels down for each pixel right.
        ink: (H, W) uint8 in the cores' coordinates, 0 is paper.
        to_page: from the cores' coordinates to page pixels.
    Returns:
        lines in reading order, in page pixels.
    """
    if not rows:
        return ()
    rows = [rows[index] for index in reading_order(spans_of(rows, slope))]
    usual_thickness = float(np.median([row.thickness for row in rows]))
    outlines = [_Outline.of(row, usual_thickness, slope, ink.shape[1]) for row in rows]
    seams = Seams(
        ink,
        [(o.base - o.thickness, o.base) for o in outlines],
        [(row.left, row.right) for row in rows],
    )
    return tuple(
        _text_line(row, outline, seams.limits(index), to_page)
        for index, (row, outline) in enumerate(zip(rows, outlines))
    )


def _cores(
    core: NDArray[np.float32],
    kinds: NDArray[np.float32],
    usual: float,
    thresholds: Sequence[float] = THRESHOLDS,
) -> List[Core]:
    found: List[Core] = []
    for part in connected_parts(core > thresholds[0]):
        mask, rows, columns = part.mask, part.rows, part.columns
        inside = mask.any(axis=0)
        upper = mask.argmax(axis=0)[inside]
        lower = mask.shape[0] - mask[::-1].argmax(axis=0)[inside]
        around = core[rows, columns], kinds[:, rows, columns]
        if np.percentile(lower - upper, 80) > TOO_THICK * usual:
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
        found += _of_one_kind(one, by_column, usual)
    return found


def _of_one_kind(core: Core, kinds: NDArray[np.float32], usual: float) -> List[Core]:
    """The core with its kinds, in pieces where handwriting follows print or print handwriting.

    Args:
        kinds: (K, N) probability of each kind at each column.
    """
    if not len(kinds):
        return [core]
    shortest = max(2, round(SHORTEST_OF_KIND * usual))
    if kinds.shape[1] < 2 * shortest:
        return [replace(core, kinds=kinds.mean(axis=1).astype(np.float64))]
    written = mean_filter(kinds[0], shortest) > 0.5
    ends = [0, *(1 + np.flatnonzero(np.diff(written))), len(written)]
    cuts = [cut for i, cut in enumerate(ends[1:-1], 1) if cut - ends[i - 1] >= shortest]
    cuts = [cut for cut in cuts if len(written) - cut >= shortest]
    shares = [float(part.mean()) for part in np.split(kinds[0], cuts)]
    # A hand like print is now this and now that: only what is sure on both sides is parted.
    cuts = [
        cut
        for cut, one, other in zip(cuts, shares, shares[1:])
        if min(one, other) < 1 - SURE_OF_KIND and max(one, other) > SURE_OF_KIND
    ]
    return [
        replace(
            core,
            columns=core.columns[start:end],
            upper=core.upper[start:end],
            lower=core.lower[start:end],
            kinds=kinds[:, start:end].mean(axis=1).astype(np.float64),
        )
        for start, end in zip([0, *cuts], [*cuts, len(written)])
    ]


def _apart(
    mask: NDArray[np.bool_],
    core: NDArray[np.float32],
    kinds: NDArray[np.float32],
    usual: float,
    thresholds: Sequence[float],
) -> Optional[List[Core]]:
    """The cores that run together in a mask, or None where they cannot be told apart."""
    tall = int(TOO_THICK * usual) + 1
    bridges = long_runs(mask.T, tall).T
    if 0 < bridges.any(axis=0).mean() < WIDEST_BRIDGE:
        return _cores(np.where(mask & ~bridges, core, 0), kinds, usual, thresholds)
    if len(thresholds) > 1:
        return _cores(np.where(mask, core, 0), kinds, usual, thresholds[1:])
    return None


def _shifted(core: Core, columns: int, rows: int) -> Core:
    return replace(
        core, columns=core.columns + columns, upper=core.upper + rows, lower=core.lower + rows
    )


def common_slope(parts: Sequence[Core]) -> float:
    """The common slope of the lines: the median of the parts', long ones counting for more."""
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
    """The middle of a part near one of its ends."""
    middle = (part.upper + part.lower) / 2
    near = part.columns >= part.right - reach if right else part.columns < part.left + reach
    return float(middle[near].mean())


def link(parts: Sequence[Core], usual: float, slope: float) -> List[Core]:
    """Join parts of one line.

    Args:
        parts: in any order; the result does not depend on it.
        usual: thickness of a core.
        slope: common to all lines, pixels down for each pixel right.
    """
    parts = sorted(parts, key=lambda part: (part.left, part.right, part.upper[0], part.lower[0]))
    reach = 4 * usual
    lefts, rights = (np.array([getattr(p, side) for p in parts]) for side in ("left", "right"))
    starts = np.array([_end_height(part, False, reach) for part in parts])
    ends = np.array([_end_height(part, True, reach) for part in parts])
    gaps = lefts - rights[:, np.newaxis]
    steps = np.abs(starts - ends[:, np.newaxis] - slope * (gaps + reach))
    fits = (-usual <= gaps) & (gaps <= LONGEST_GAP * usual) & (steps <= LARGEST_STEP * usual)
    # Where both overlap, one must still go on from the other, or two parts would follow each other.
    fits &= (lefts > lefts[:, np.newaxis]) & (rights > rights[:, np.newaxis])
    fits &= ~_of_two_kinds(parts, usual)
    spans = replace(spans_of(parts, slope), thickness=usual)
    for i, j in zip(*np.nonzero(fits & (gaps >= NARROWEST * usual))):
        fits[i, j] = gutter_between(spans, int(i), int(j)) is None
    costs = np.where(fits, steps + 0.1 * np.maximum(gaps, 0), np.inf)
    return [reduce(Core.joined, (parts[i] for i in chain)) for chain in chains(costs)]


def _of_two_kinds(parts: Sequence[Core], usual: float) -> NDArray[np.bool_]:
    """(N, N) whether one is surely written by hand and the other surely not."""
    written = np.array([part.kinds[0] if len(part.kinds) else 0.5 for part in parts])
    long = np.array([part.right - part.left >= SHORTEST_OF_KIND * usual for part in parts])
    by_hand, by_machine = long & (written > SURE_OF_KIND), long & (written < 1 - SURE_OF_KIND)
    return np.asarray((by_hand[:, np.newaxis] & by_machine) | (by_machine[:, np.newaxis] & by_hand))


def chains(costs: Floats) -> List[List[int]]:
    """Chain what follows each other: the best pairs first, each end once.

    Args:
        costs: (N, N) of letting the second follow the first, without cycles; infinite: it cannot.
    Returns:
        all N indices, each in one chain.
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
    """Leave out short rows between lines: descenders and flourishes that look like text."""
    heights = [float(np.median((r.upper + r.lower) / 2 - slope * r.columns)) for r in rows]
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


def spans_of(cores: Sequence[Core], slope: float) -> Spans:
    """Rotate the cores by their common slope."""
    middles = [(core.upper + core.lower) / 2 for core in cores]
    lean = np.array([slope * float(np.median(middle)) for middle in middles])
    return Spans(
        np.array([core.left for core in cores]) + lean,
        np.array([core.right for core in cores]) + lean,
        np.array([np.median(m - slope * core.columns) for m, core in zip(middles, cores)]),
        float(np.median([core.thickness for core in cores])),
    )


@dataclass(frozen=True, eq=False)
class _Outline:
    """A line's baseline over all columns of the labels, and the thickness of its core."""

    base: Floats
    thickness: float

    @classmethod
    def of(cls, row: Core, usual: float, slope: float, width: int) -> _Outline:
        # A short row's own thickness and slope are noise; they lean on the page's.
        length = (row.right - row.left) / usual
        trust = min(1.0, length / 12)
        thickness = trust * float(np.clip(row.thickness, 0.6 * usual, 1.7 * usual))
        thickness += (1 - trust) * usual
        knots = max(2, round(length / 6))
        edges = np.linspace(row.left, row.right, knots + 1)
        bins = np.clip(np.searchsorted(edges, row.columns, "right") - 1, 0, knots - 1)
        known = [k for k in range(knots) if (bins == k).any()]
        xs = np.array([row.columns[bins == k].mean() for k in known])
        ys = np.array([np.median(row.lower[bins == k]) for k in known])
        all_columns = np.arange(width)
        base = np.interp(all_columns, xs, ys)
        base += slope * np.minimum(all_columns - xs[0], 0)
        base += slope * np.maximum(all_columns - xs[-1], 0)
        return cls(base, thickness)


def _text_line(
    row: Core, outline: _Outline, limits: Tuple[Floats, Floats], to_page: ToPage
) -> TextLine:
    ascent = outline.thickness / CORE
    ceiling, floor = limits
    left = max(0.0, row.left - 0.2 * ascent)
    right = min(float(len(outline.base)), row.right + 0.2 * ascent)
    count = max(2, 1 + round((right - left) / (OUTLINE_STEP * outline.thickness)))
    xs = np.linspace(left, right, count)
    columns = np.clip(xs, 0, len(outline.base) - 1)
    at = np.arange(len(outline.base))
    base = np.interp(columns, at, outline.base)
    # A seam is followed exactly between the points: a loop that crosses the middle is thin.
    dense = np.clip(np.arange(np.floor(left), np.ceil(right)), 0, len(outline.base) - 1).astype(int)
    tops = np.maximum(outline.base[dense] - ascent, ceiling[dense])
    bottoms = np.minimum(outline.base[dense] + DESCENT * ascent, floor[dense])
    tops = np.minimum(tops, outline.base[dense] - 0.5 * outline.thickness)
    bottoms = np.maximum(bottoms, outline.base[dense] + 0.5)
    picked = slice(None, None, 2)
    page_x = np.clip(dense + 0.5, left, right)
    upper = _points(*to_page(page_x[picked], tops[picked]))
    lower = _points(*to_page(page_x[picked], bottoms[picked]))
    polygon = Polygon((*upper, *reversed(lower)))
    baseline = _points(*to_page(xs, base))
    kind = KINDS[int(row.kinds.argmax())] if len(row.kinds) else HANDWRITTEN
    return TextLine(Box.around(polygon.points), polygon, baseline, row.confidence, kind=kind)


def _points(xs: Floats, ys: Floats) -> Tuple[Point, ...]:
    return tuple(zip(xs.tolist(), ys.tolist()))
