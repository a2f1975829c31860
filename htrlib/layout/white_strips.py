"""Cut the cores of lines that run on from one column into the next.

Between narrow columns, a labeler often marks two lines as one. The strip of paper between the
columns shows where to cut: no ink lies in it for many lines.
"""

from __future__ import annotations

from typing import List

import numpy as np
from numpy.typing import NDArray

from htrlib.images.filters import long_runs, maximum_filter, percentiles
from htrlib.layout.columns import NARROWEST

# (width in core thicknesses, height in lines): gaps between letters of typescript are up to eight
# lines high, and those between words are narrower
STRIPS = ((NARROWEST, 12), (2.0, 6))
PITCH = 4.0  # in core thicknesses: distance of lines, at least
FAINT = 0.4  # of the ink around: fainter pixels are paper
FAINTEST = 24  # of 255: fainter pixels are paper everywhere
AROUND = 8.0  # in core thicknesses: side of the squares whose ink is compared
LETTERS = 95.0  # percentile of a square's ink that is as dark as its letters

Ink = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def white_strips(ink: Ink, slope: float, thickness: float) -> Mask:
    """Find the middles of strips without ink, as high as several lines.

    Args:
        ink: (H, W) uint8, 0 is paper.
        slope: of the lines, pixels down per pixel right; strips are at right angles to them.
        thickness: typical thickness of a core in pixels.
    Returns:
        (H, W) bool.
    """
    band = max(1, round(thickness))  # rows that are looked at as one, to save time
    paper = ink < _faint(ink, round(AROUND * thickness))
    paper = np.pad(paper, ((0, -len(ink) % band), (0, 0)), mode="edge")
    paper = paper.reshape(-1, band, paper.shape[1]).all(axis=1)
    shifts = np.round(slope * band * np.arange(len(paper))).astype(int)
    strips = np.zeros_like(paper)
    for width, lines in STRIPS:
        free = ~maximum_filter(~paper, max(2, round(width * thickness)))
        upright = _moved(free, shifts, beyond=True)
        height = round(lines * PITCH * thickness / band)
        runs = long_runs(np.ascontiguousarray(upright.T), height).T
        strips |= _moved(runs, -shifts, beyond=False)
    return np.repeat(strips, band, axis=0)[: len(ink)]


def _faint(ink: Ink, side: int) -> NDArray[np.float32]:
    """Return (H, W) the ink below which a pixel is paper: some letters of a page are faint."""
    side = max(8, side)
    height, width = ink.shape
    padded = np.pad(ink, ((0, -height % side), (0, -width % side)), mode="edge")
    squares = padded.reshape(len(padded) // side, side, -1, side).transpose(0, 2, 1, 3)
    darkness = percentiles(squares.reshape(*squares.shape[:2], -1), (LETTERS,))[0]
    levels = np.maximum(FAINTEST, FAINT * darkness).astype(np.float32)
    return np.asarray(levels.repeat(side, axis=0).repeat(side, axis=1)[:height, :width])


def pieces_between(
    columns: NDArray[np.int64], rows: NDArray[np.int64], strips: Mask
) -> List[NDArray[np.int64]]:
    """Divide the columns of a core where strips pass.

    Args:
        columns: (N,) ascending columns of the core.
        rows: (N,) its vertical middle in each.
        strips: see `white_strips`.
    Returns:
        Indices into `columns` of each piece; all of them, if no strip passes.
    """
    kept = np.flatnonzero(~strips[rows, columns])
    if len(kept) < 2:
        return [np.arange(len(columns))]
    ends = np.flatnonzero(np.diff(kept) > 1) + 1
    return list(np.split(kept, ends)) if len(ends) else [np.arange(len(columns))]


def _moved(mask: Mask, shifts: NDArray[np.int64], beyond: bool) -> Mask:
    """Move each row to the right by its shift; `beyond` comes in."""
    if not shifts.any():
        return mask
    columns = mask.shape[1]
    places = np.arange(columns) - shifts[:, np.newaxis]
    moved: Mask = np.take_along_axis(mask, np.clip(places, 0, columns - 1), axis=1)
    moved[(places < 0) | (places >= columns)] = beyond
    return moved
