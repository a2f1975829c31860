"""Take the printed dots out of dotted paper, and leave the dots of letters.

Dots are taken out only where they make a grid for sure: many specks alone on the paper, most of
them at one distance from the next. Where the grid goes on under the writing, its dots go too.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.images.filters import gray_percentile, maximum_filter, running_maximum

Page = NDArray[np.uint8]
Points = NDArray[np.float64]

SIDE, LEAST_SIDE = 1 / 6, 200  # of the width, and pixels: a square that tells of a grid
DOT = 1 / 150  # of the page's width: a dot is no larger
DARKER = 20  # gray levels than the paper, at least
FEWEST = 12  # dots of a grid in such a square
RING = 2  # pixels of paper around a dot
MOST = 4000  # specks of a page: more are grain
CLOSEST = 7.0  # pixels between dots
SAME = 0.12  # of the distance: neighbors of a grid differ by less
REGULAR = 0.6  # share of specks with such a neighbor
STRAIGHT = 0.25  # of the distance: neighbors in a row differ by less in height
FITTED = (4, 8, 16, 32, 64, 128)  # steps from the middle to which the grid is fitted, in turn
ON_DOT = 1.25, 10.0  # times a dot's darkness, and gray levels more: what is darker is a stroke


def without_dots(page: Page) -> Page:
    """The page without its grid of dots, the same array where it has none.

    Args:
        page: (H, W) uint8, 0 is black.
    """
    reach = max(2, round(DOT * page.shape[1]))
    if min(page.shape) < 8 * reach or not any(
        _distance(_specks(square, reach)) is not None for square in _squares(page)
    ):
        return page
    centers = _specks(page, reach)
    distance = _distance(centers)
    grid = None if distance is None else _grid(centers, distance, page.shape)
    return page if grid is None else _erased(page, grid, centers, reach)


def _grid(centers: Points, distance: float, shape: Tuple[int, ...]) -> Optional[Points]:
    """(N, 2) y and x of all dots of a page, or None where those found make no rows and columns."""
    away = centers[np.newaxis] - centers[:, np.newaxis]
    steps = []
    for axis in (0, 1):
        near = (np.abs(away[..., axis] - distance) < SAME * distance) & (
            np.abs(away[..., 1 - axis]) < STRAIGHT * distance
        )
        if near.sum() < FEWEST // 2:
            return None
        steps.append(away[near].mean(axis=0))
    middle = np.abs(centers - np.median(centers, axis=0)).max(axis=1).argmin()
    basis, origin = np.array(steps), centers[middle]
    for steps_away in FITTED:  # what is known near the middle tells the rows and columns further on
        places = np.rint((centers - origin) @ np.linalg.inv(basis))
        off = np.abs(places @ basis + origin - centers).max(axis=1)
        near = (off < SAME * distance) & (np.abs(places).max(axis=1) <= steps_away)
        if near.sum() < FEWEST // 2:
            return None
        known = np.column_stack((places[near], np.ones(near.sum())))
        fitted = np.linalg.lstsq(known, centers[near], rcond=None)[0]
        basis, origin = fitted[:2], fitted[2]
    if (off < SAME * distance).mean() < REGULAR:
        return None
    most = int(max(shape) / distance) + 2
    rows, columns = np.meshgrid(np.arange(-most, most + 1), np.arange(-most, most + 1))
    grid = np.column_stack((rows.ravel(), columns.ravel())) @ basis + origin
    return np.asarray(grid[((grid >= 0) & (grid < np.array(shape))).all(axis=1)])


def _erased(page: Page, grid: Points, centers: Points, reach: int) -> Page:
    """The page with each dot of a grid filled with paper, but for what is darker than dots are."""
    size = 2 * reach + 1
    paper = int(np.percentile(page, 80))
    padded = np.pad(page, reach, constant_values=paper)

    def at(place: Points) -> Page:
        y, x = np.clip(np.rint(place).astype(int), 0, np.array(page.shape) - 1)
        return padded[y : y + size, x : x + size]

    darkness = paper - np.array([at(center) for center in centers], dtype=np.float32)
    # a dot lies within a pixel of its place
    dot = maximum_filter(maximum_filter(np.median(darkness, axis=0), 3).T, 3).T
    inked = dot > DARKER / 2
    most = ON_DOT[0] * dot + ON_DOT[1]
    for place in grid:
        patch = at(place)
        rule = inked & (paper - patch.astype(np.float32) <= most)
        patch[rule] = np.maximum(patch, paper)[rule]
    return padded[reach:-reach, reach:-reach].copy()


def _squares(page: Page) -> Tuple[Page, ...]:
    """Three squares of a page, along its diagonal."""
    height, width = page.shape
    side = min(max(round(SIDE * width), LEAST_SIDE), height, width)
    starts = [((height - side) * i // 2, (width - side) * i // 2) for i in range(3)]
    return tuple(page[y : y + side, x : x + side] for y, x in starts)


def _specks(page: Page, reach: int) -> Points:
    """(N, 2) y and x of the middles of what is dark and stands alone."""
    dark = page < gray_percentile(page, 80) - DARKER
    if np.count_nonzero(dark) < FEWEST:
        return np.zeros((0, 2))
    alone = dark & ~_surrounded(dark, reach)
    continued = np.zeros_like(alone)
    continued[1:] = alone[:-1]
    continued[:, 1:] |= alone[:, :-1]
    begun = np.count_nonzero(alone & ~continued)  # each speck begins at least once
    if begun < FEWEST or np.count_nonzero(alone) > MOST * (reach + 1) ** 2:
        return np.zeros((0, 2))
    ys, xs = np.nonzero(alone)
    return _middles(ys, xs, 2 * reach)


def _middles(ys: NDArray[np.int64], xs: NDArray[np.int64], size: int) -> Points:
    """(N, 2) y and x of the middles of groups of pixels, which are near the first of each."""
    groups: Dict[Tuple[int, int], List[int]] = {}  # first y and x, number of pixels, sums of y, x
    for y, x in zip(ys.tolist(), xs.tolist()):
        row, column = y // size, x // size
        for cell in ((row + i, column + j) for i in (0, -1, 1) for j in (0, -1, 1)):
            group = groups.get(cell)
            if group and abs(group[0] - y) <= size and abs(group[1] - x) <= size:
                break
        else:
            group = groups.setdefault((row, column), [y, x, 0, 0, 0])
        group[2] += 1
        group[3] += y
        group[4] += x
    found = np.array(list(groups.values()), np.float64)
    return found[:, 3:] / found[:, 2:3]


def _surrounded(dark: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Return (H, W) whether there is ink just beyond the square of `reach` around each pixel."""
    height, width = dark.shape
    most = reach + RING
    padded = np.pad(dark, most)
    ring = np.zeros(dark.shape, bool)
    along = running_maximum(padded, 2 * most + 1)
    down = running_maximum(padded.T, 2 * most + 1).T
    for start in (*range(RING), *range(most + reach + 1, 2 * most + 1)):
        ring |= along[start : start + height]
        ring |= down[:, start : start + width]
    return ring


def _distance(centers: Points) -> Optional[float]:
    """The distance from dot to dot, or None where the specks make no grid."""
    if not FEWEST <= len(centers) <= MOST:
        return None
    nearest = np.sqrt(_squared_distances(centers).min(axis=1))
    distance = float(np.median(nearest))
    regular = np.abs(nearest - distance) < SAME * distance
    return distance if distance >= CLOSEST and regular.mean() >= REGULAR else None


def _squared_distances(centers: Points) -> NDArray[np.float32]:
    """(N, N), infinite from each point to itself."""
    ys, xs = centers.astype(np.float32).T
    squared = (ys[:, np.newaxis] - ys) ** 2 + (xs[:, np.newaxis] - xs) ** 2
    np.fill_diagonal(squared, np.inf)
    return np.asarray(squared, np.float32)
