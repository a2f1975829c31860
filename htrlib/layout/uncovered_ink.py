"""Find where a page has much ink that no line covers: text at a right angle to the lines."""

from __future__ import annotations

import math
import statistics
from typing import List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from htrlib.document.geometry import Box, union_of
from htrlib.document.results import TextLine
from htrlib.images.filters import long_runs, maximum_filter
from htrlib.layout.parts import Part, connected_parts

SMALL_AREA = 100_000  # pixels of the shrunk page
TILE = 16  # pixels of it: side of the squares whose paper is measured
SAMPLE = 4  # every so many pixels of its rows are looked at
PAPER = 70  # percentile of gray levels
INK = 40  # gray levels by which ink is darker than the paper
LONGEST_DOWN, LONGEST_ACROSS = 12, 30  # pixels: longer runs are rules and edges of the paper
CELL = 4  # pixels: side of the cells that are joined to areas
INKED = 2  # pixels of ink in a cell with writing
REACH = 0.25  # in line heights: cells twice as far apart belong together
LENGTH = 3.0  # in line heights: least extent of an area from top to bottom
WIDTH = 0.5  # in line heights: least extent from left to right
THICKNESS = 0.3  # in line heights: least extent of its cells from left to right, on average
DENSEST = 0.5  # fraction of ink in cells with writing, as opposed to shadows and pictures
NEAR = 1.5  # in line heights: areas nearer than that are one block
STRIP = 3.0  # in line heights: length of the parts of lines that are looked at
CLEARER = 1.5  # contrast of bands from left to right over that from top to bottom
BAND = 0.5  # in line heights: height of their bands of text and of paper
USUAL_LINES = 40  # on the height of a page without lines

_Mask = NDArray[np.bool_]
_Counts = NDArray[np.int64]


def uncovered_areas(page: NDArray[np.uint8], lines: Sequence[TextLine]) -> Tuple[Box, ...]:
    """Return the boxes of large areas of ink without a line, where text may run up or down.

    Args:
        page: (H, W) uint8, 0 is black.
        lines: lines found on it.
    """
    factor = max(1, int(math.sqrt(page.size / SMALL_AREA)))
    ink = _ink(page, factor)
    if not ink.any():
        return ()
    ink &= ~_covered(lines, ink.shape, factor)
    rows, columns = ink.shape[0] // CELL, ink.shape[1] // CELL
    counts = np.count_nonzero(ink.reshape(rows, CELL, columns, CELL), axis=(1, 3))
    side = CELL * factor
    heights = [line.box.height for line in lines]
    height = (statistics.median(heights) if heights else page.shape[0] / USUAL_LINES) / side
    reach = max(1, round(REACH * height))
    parts = connected_parts(_grown(counts >= INKED, reach))
    areas = (_area(part, counts, height) for part in parts)
    found = [
        area.scaled(side, side)
        for area in areas
        if area is not None and _runs_up(ink, area.scaled(CELL, CELL), CELL * height)
    ]
    return _joined(found, NEAR * height * side)


def _ink(page: NDArray[np.uint8], factor: int) -> _Mask:
    """Return the ink of the shrunk page without rules, in whole tiles."""
    side = factor * TILE
    rows, columns = page.shape[0] // side, page.shape[1] // side
    if not rows or not columns:
        return np.zeros((0, 0), bool)
    whole = (0, 0, columns * side, rows * side)
    small = np.asarray(Image.fromarray(page).reduce(factor, whole))
    tiles = small.reshape(rows, TILE, columns, TILE).transpose(0, 2, 1, 3)
    sample = tiles[:, :, :, ::SAMPLE].reshape(rows, columns, -1)
    rank = sample.shape[2] * PAPER // 100
    paper = np.partition(sample, rank, axis=2)[:, :, rank]
    level = np.maximum(paper, INK) - INK
    ink: _Mask = small < level.repeat(TILE, axis=0).repeat(TILE, axis=1)
    runs = long_runs(ink.T, LONGEST_DOWN).T | long_runs(ink, LONGEST_ACROSS)
    return ink & ~runs


def _covered(lines: Sequence[TextLine], shape: Tuple[int, ...], factor: int) -> _Mask:
    """Return the pixels inside the lines' outlines."""
    mask = Image.new("L", (shape[1], shape[0]))
    draw = ImageDraw.Draw(mask)
    for line in lines:
        left, top, right, bottom = line.box.as_tuple()
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        points = corners if line.polygon is None else line.polygon.points
        draw.polygon([(x / factor, y / factor) for x, y in points], fill=1, outline=1)
    return np.asarray(mask) > 0


def _grown(mask: _Mask, reach: int) -> _Mask:
    """Grow a mask by some cells in all directions."""
    side = 2 * reach + 1
    grown: _Mask = maximum_filter(maximum_filter(mask, side).T, side).T
    return grown


def _area(part: Part, counts: _Counts, height: float) -> Optional[Box]:
    """Return the box of an area in cells, unless it is too small or is no writing.

    Args:
        part: connected cells, grown.
        counts: (rows, columns) pixels of ink in each cell.
        height: line height in cells.
    """
    if part.rows.stop - part.rows.start < LENGTH * height:
        return None
    ink = np.where(part.mask, counts[part.rows, part.columns], 0)
    inked = ink >= INKED
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    cells = np.count_nonzero(inked)
    if not cells or rows[-1] + 1 - rows[0] < LENGTH * height:
        return None
    if columns[-1] + 1 - columns[0] < WIDTH * height:
        return None
    if cells < THICKNESS * height * len(rows):
        return None
    if ink[inked].sum() > DENSEST * CELL * CELL * cells:
        return None
    left, top = part.columns.start, part.rows.start
    return Box(
        float(left + columns[0]),
        float(top + rows[0]),
        float(left + columns[-1] + 1),
        float(top + rows[-1] + 1),
    )


def _joined(areas: Sequence[Box], near: float) -> Tuple[Box, ...]:
    """Join areas that are beside each other, nearer than the given number of pixels."""
    joined: List[Box] = []
    for area in sorted(areas, key=lambda area: area.left):
        beside = [other for other in joined if area.expanded(near, 0).intersection_area(other)]
        joined = [other for other in joined if other not in beside]
        joined.append(union_of([*beside, area]))
    return tuple(joined)


def _runs_up(ink: _Mask, area: Box, height: float) -> bool:
    """Return whether lines and gaps follow each other from left to right, not from top to bottom.

    Args:
        ink: (H, W) ink of the shrunk page.
        area: box of the area on it.
        height: line height in its pixels.
    """
    left, top, right, bottom = map(int, area.as_tuple())
    part = np.pad(ink[top:bottom, left:right], math.ceil(height))
    return _contrast(part.T, height) >= CLEARER * _contrast(part, height)


def _contrast(ink: _Mask, height: float) -> float:
    """Return how much bands of rows differ from the next ones in ink, in strips of few words.

    Args:
        ink: (H, W) ink, with paper around it.
        height: line height in pixels.
    """
    count = max(1, round(ink.shape[1] / (STRIP * height)))
    starts = np.linspace(0, ink.shape[1], count, endpoint=False).astype(int)
    rows = np.add.reduceat(ink.astype(np.float32), starts, axis=1)
    band = max(1, round(BAND * height))
    sums = np.cumsum(rows, axis=0)
    bands = sums[band:] - sums[:-band]
    steps = bands[band:] - bands[:-band]
    return float((steps * steps).sum()) / max(1.0, float((bands * bands).sum()))
