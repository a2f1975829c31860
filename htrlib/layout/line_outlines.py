"""Outline lines whose cores are known: find how far each one reaches up and down."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Callable, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.document.geometry import Box, Point, Polygon
from htrlib.document.results import HANDWRITTEN, KINDS, TextLine
from htrlib.images.filters import median
from htrlib.layout.columns import Spans
from htrlib.layout.reading_order import reading_order
from htrlib.layout.seams import Seams

CORE = 0.47  # in ascents: the core that labelers mark with probability above 0.5
DESCENT = 0.42  # in ascents
OUTLINE_STEP = 2.0  # in core thicknesses: distance between points of an outline

Floats = NDArray[np.float64]
ToPage = Callable[[Floats, Floats], Tuple[Floats, Floats]]


@dataclass(frozen=True, eq=False)
class Core:
    """A part of a line: the core's upper and lower edge at each column, in label pixels.

    Attributes:
        columns: (N,) int64, ascending, possibly with gaps.
        upper: (N,) float64 upper edges.
        lower: (N,) float64 lower edges, exclusive: the baseline.
        confidence: mean probability.
        kinds: (K,) float64 mean probability of each of `KINDS`; empty if the network does not
            distinguish kinds.
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
        return median(self.lower - self.upper)

    def picked(self, indices: NDArray[np.int64]) -> Core:
        """Return the part of this core at some of its columns."""
        return replace(
            self,
            columns=self.columns[indices],
            upper=self.upper[indices],
            lower=self.lower[indices],
        )

    def joined(self, other: Core) -> Core:
        """Join this core with another one on its right."""
        sizes = len(self.columns), len(other.columns)
        return Core(
            np.concatenate((self.columns, other.columns)),
            np.concatenate((self.upper, other.upper)),
            np.concatenate((self.lower, other.lower)),
            float(np.average((self.confidence, other.confidence), weights=sizes)),
            np.average((self.kinds, other.kinds), axis=0, weights=sizes),
        )


def outlined_lines(
    rows: Sequence[Core], slope: float, ink: NDArray[np.uint8], to_page: ToPage
) -> Tuple[TextLine, ...]:
    """Outline lines: find how far each one reaches up and down.

    Args:
        rows: the lines' cores, in any order.
        slope: common slope of the lines, pixels down per pixel right.
        ink: (H, W) uint8 in the cores' coordinates, 0 is paper.
        to_page: maps the cores' coordinates to page pixels.
    Returns:
        Lines in reading order, in page pixels.
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


def spans_of(cores: Sequence[Core], slope: float) -> Spans:
    """Return the cores' extents, rotated by their common slope."""
    middles = [(core.upper + core.lower) / 2 for core in cores]
    lean = np.array([slope * median(middle) for middle in middles])
    return Spans(
        np.array([core.left for core in cores]) + lean,
        np.array([core.right for core in cores]) + lean,
        np.array([median(m - slope * core.columns) for m, core in zip(middles, cores)]),
        float(np.median([core.thickness for core in cores])),
    )


@dataclass(frozen=True, eq=False)
class _Outline:
    """A line's baseline over all label columns, and the thickness of its core."""

    base: Floats
    thickness: float

    @classmethod
    def of(cls, row: Core, usual: float, slope: float, width: int) -> _Outline:
        # A short row's own thickness and slope are unreliable, so they are blended with the page's.
        length = (row.right - row.left) / usual
        trust = min(1.0, length / 12)
        thickness = trust * float(np.clip(row.thickness, 0.6 * usual, 1.7 * usual))
        thickness += (1 - trust) * usual
        knots = max(2, round(length / 6))
        edges = np.linspace(row.left, row.right, knots + 1)
        bins = np.clip(np.searchsorted(edges, row.columns, "right") - 1, 0, knots - 1)
        known = [k for k in range(knots) if (bins == k).any()]
        xs = np.array([row.columns[bins == k].mean() for k in known])
        ys = np.array([median(row.lower[bins == k]) for k in known])
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
    # Follow the seam exactly between the points: a loop that crosses the middle is thin.
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
