"""Place ink on a page: rotated, slanted, along a curved baseline, with known bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import List, Optional, Tuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from htrlib.document.geometry import Box, Point, Polygon

FAINTEST = 40  # ink below this, of 255, is dropped, so that the bounds of ink are well defined
_OUTLINE_COLUMNS = 28
_Array = NDArray[np.float64]


@dataclass(frozen=True)
class Turn:
    """A rotation of the page about a point; positive angles turn the right side down.

    Attributes:
        angle: angle in degrees.
        center: center in pixels.
    """

    angle: float = 0.0
    center: Point = (0.0, 0.0)

    @property
    def down(self) -> Point:
        """Return the vector on the rotated page of one pixel down the upright page."""
        return -math.sin(math.radians(self.angle)), math.cos(math.radians(self.angle))

    def forward(self, x: _Array, y: _Array) -> Tuple[_Array, _Array]:
        """Map a point from the upright page to the rotated one."""
        return self._rotate(x, y, math.radians(self.angle))

    def backward(self, x: _Array, y: _Array) -> Tuple[_Array, _Array]:
        """Map a point from the rotated page to the upright one."""
        return self._rotate(x, y, -math.radians(self.angle))

    def _rotate(self, x: _Array, y: _Array, radians: float) -> Tuple[_Array, _Array]:
        dx, dy = x - self.center[0], y - self.center[1]
        cosine, sine = math.cos(radians), math.sin(radians)
        return self.center[0] + dx * cosine - dy * sine, self.center[1] + dx * sine + dy * cosine


@dataclass(frozen=True, eq=False)
class Placement:
    """The position of a piece of ink on the upright page, and the page's distortion.

    Attributes:
        left: column of the upright page where the ink's first column goes.
        base: row of the upright page where the ink's baseline goes.
        turn: rotation of the page.
        slant: tangent of the slant to the right.
        bend_x: columns of the upright page, ascending.
        bend_y: downward offset of the baseline at these columns.
    """

    left: float
    base: float
    turn: Turn = Turn()
    slant: float = 0.0
    bend_x: Tuple[float, ...] = (0.0,)
    bend_y: Tuple[float, ...] = (0.0,)

    def forward(self, u: _Array, rise: _Array) -> Tuple[_Array, _Array]:
        """Map a column of the ink and a height above its baseline to a page point."""
        x = self.left + u + self.slant * rise
        return self.turn.forward(x, self.base - rise + np.interp(x, self.bend_x, self.bend_y))

    def backward(self, x: _Array, y: _Array) -> Tuple[_Array, _Array]:
        """Map a page point to a column of the ink and a height above its baseline."""
        x, y = self.turn.backward(x, y)
        rise = self.base + np.interp(x, self.bend_x, self.bend_y) - y
        return x - self.left - self.slant * rise, rise


@dataclass(frozen=True, eq=False)
class Piece:
    """Ink placed on a page.

    Attributes:
        ink: (H, W) uint8, 0 is paper; the outer rows and columns contain ink.
        left: page column of the first column of `ink`.
        top: page row of its first row.
        words: boxes of the words' ink, in page pixels.
        baseline: baseline in page pixels.
    """

    ink: NDArray[np.uint8]
    left: int
    top: int
    words: Tuple[Box, ...]
    baseline: Tuple[Point, ...]

    @property
    def box(self) -> Box:
        """Exact bounds of the ink, in page pixels."""
        height, width = self.ink.shape
        return Box.from_xywh(float(self.left), float(self.top), float(width), float(height))

    def moved(self, x: int, y: int) -> Piece:
        """Return the piece moved x pixels right and y pixels down."""
        return Piece(
            self.ink,
            self.left + x,
            self.top + y,
            tuple(word.shifted(x, y) for word in self.words),
            tuple((px + x, py + y) for px, py in self.baseline),
        )

    def faded(self, strength: float) -> Piece:
        """Return the piece with its ink multiplied by a strength between 0 and 1."""
        ink = np.ceil(self.ink * strength).astype(np.uint8)
        return Piece(ink, self.left, self.top, self.words, self.baseline)

    def fits(self, width: int, height: int) -> bool:
        """Return whether all of the ink lies on a page of the given size."""
        box = self.box
        return box.left >= 0 and box.top >= 0 and box.right <= width and box.bottom <= height

    def draw_on(self, layer: NDArray[np.uint8]) -> None:
        """Add the ink to a page, clipped to it."""
        height, width = layer.shape
        top, left = max(0, self.top), max(0, self.left)
        bottom = min(height, self.top + self.ink.shape[0])
        right = min(width, self.left + self.ink.shape[1])
        if top < bottom and left < right:
            part = self.ink[
                top - self.top : bottom - self.top, left - self.left : right - self.left
            ]
            target = layer[top:bottom, left:right]
            np.maximum(target, part, out=target)

    def profiles(self) -> Tuple[_Array, _Array]:
        """Return the first row with ink, and the row after the last, per column; NaN if none."""
        marked = self.ink > 0
        filled = marked.any(axis=0)
        tops = np.where(filled, self.top + marked.argmax(axis=0), np.nan)
        bottoms = np.where(filled, self.top + len(marked) - marked[::-1].argmax(axis=0), np.nan)
        return tops, bottoms

    def outline(self) -> Polygon:
        """Return a polygon of at most 58 points around all the ink."""
        tops, bottoms = self.profiles()
        width = len(tops)
        count = min(_OUTLINE_COLUMNS, width)
        edges = np.linspace(0, width, count + 1).round().astype(int)
        upper = np.fmin.reduceat(tops, edges[:-1])
        lower = np.fmax.reduceat(bottoms, edges[:-1])
        inked = ~np.isnan(upper)
        bins = np.arange(count)
        upper = np.interp(bins, bins[inked], upper[inked])
        lower = np.interp(bins, bins[inked], lower[inked])
        # Each point is as far out as both its neighbors, so that straight sides cut no ink.
        above = np.minimum(np.append(upper, upper[-1]), np.insert(upper, 0, upper[0]))
        below = np.maximum(np.append(lower, lower[-1]), np.insert(lower, 0, lower[0]))
        xs = self.left + edges.astype(float)
        points = [*zip(xs, above), *zip(xs[::-1], below[::-1])]
        return Polygon(tuple((float(x), float(y)) for x, y in points))


def place(
    ink: NDArray[np.uint8],
    baseline: float,
    placement: Placement,
    words: Optional[NDArray[np.uint8]] = None,
) -> Optional[Piece]:
    """Place ink on a page.

    Args:
        ink: (H, W) uint8, 0 is paper.
        baseline: row of the baseline in `ink`.
        words: (H, W) uint8, the number of each pixel's word, 0 for none; by default all of `ink` is
            one word.
    Returns:
        The ink on the page, or None if nothing is left of it.
    """
    height, width = ink.shape
    columns = np.linspace(-1.0, width + 1.0, max(2, 2 + width // max(8, height // 2)))
    edge_x, edge_y = placement.forward(
        np.tile(columns, 2), np.repeat([baseline + 1.0, baseline - height - 1.0], len(columns))
    )
    left, top = int(np.floor(edge_x.min())), int(np.floor(edge_y.min()))
    size = int(np.ceil(edge_x.max())) - left, int(np.ceil(edge_y.max())) - top
    mesh = _mesh(placement, (left, top), size, baseline, max(8, height // 2))
    padded = Image.fromarray(np.pad(ink, 1))
    method = Image.Transform.MESH
    laid = np.asarray(padded.transform(size, method, mesh, Image.Resampling.BILINEAR))
    laid = np.where(laid >= FAINTEST, laid, 0).astype(np.uint8)
    rows, filled = np.flatnonzero(laid.any(axis=1)), np.flatnonzero(laid.any(axis=0))
    if not len(rows):
        return None
    inner = slice(rows[0], rows[-1] + 1), slice(filled[0], filled[-1] + 1)
    boxes: Tuple[Box, ...] = ()
    if words is not None:
        # Dilated, because the warp spreads ink by less than a pixel beyond the word's edge.
        numbers = Image.fromarray(spread(np.pad(words, 1))).transform(
            size, method, mesh, Image.Resampling.NEAREST
        )
        boxes = _word_boxes(np.where(laid, np.asarray(numbers), 0), left, top)
    ends = placement.forward(np.linspace(0.0, width, 9), np.zeros(9))
    points = tuple((float(x), float(y)) for x, y in zip(*ends))
    piece = Piece(laid[inner].copy(), left + int(filled[0]), top + int(rows[0]), boxes, points)
    return piece if boxes else Piece(piece.ink, piece.left, piece.top, (piece.box,), points)


def spread(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the maximum of each pixel and its eight neighbors."""
    rows = values.copy()
    np.maximum(rows[1:], values[:-1], out=rows[1:])
    np.maximum(rows[:-1], values[1:], out=rows[:-1])
    result = rows.copy()
    np.maximum(result[:, 1:], rows[:, :-1], out=result[:, 1:])
    np.maximum(result[:, :-1], rows[:, 1:], out=result[:, :-1])
    return result


def _word_boxes(numbers: NDArray[np.uint8], left: int, top: int) -> Tuple[Box, ...]:
    boxes = []
    for number in np.flatnonzero(np.bincount(numbers.ravel())[1:]) + 1:
        rows, columns = np.nonzero(numbers == number)
        box = Box(float(columns.min()), float(rows.min()), columns.max() + 1.0, rows.max() + 1.0)
        boxes.append(box.shifted(left, top))
    return tuple(boxes)


def _mesh(
    placement: Placement, corner: Point, size: Tuple[int, int], baseline: float, step: int
) -> List[Tuple[Tuple[int, int, int, int], Tuple[float, ...]]]:
    """Return Pillow's mesh: upright strips of the page, each with the part of the ink it shows."""
    width, height = size
    edges = np.unique(np.append(np.arange(0, width, step), width))
    x = corner[0] + np.tile(edges, 2).astype(float)
    y = corner[1] + np.repeat([0.0, float(height)], len(edges))
    u, rise = placement.backward(x, y)
    u, v = (u + 1.0).reshape(2, -1), (baseline - rise + 1.0).reshape(2, -1)
    return [
        (
            (int(edges[i]), 0, int(edges[i + 1]), height),
            (
                *(u[0, i], v[0, i], u[1, i], v[1, i]),
                *(u[1, i + 1], v[1, i + 1], u[0, i + 1], v[0, i + 1]),
            ),
        )
        for i in range(len(edges) - 1)
    ]
