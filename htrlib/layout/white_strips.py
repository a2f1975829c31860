"""Cut the cores of lines that run on from one column into the next.

Between narrow columns, a labeler often marks two lines as one. The strip of paper between the
columns shows where to cut: no ink lies in it for many lines.
"""

from __future__ import annotations

from typing import List

import numpy as np
from numpy.typing import NDArray

from htrlib.images.filters import long_runs
from htrlib.layout.columns import ENOUGH_LINES

NARROWEST, LINES = ENOUGH_LINES[-1]  # width in core thicknesses, and height in lines
PITCH = 4.0  # in core thicknesses: distance of lines, at least
FAINT = 0.4  # of the text's ink: fainter pixels are paper

Mask = NDArray[np.bool_]


def white_strips(ink: NDArray[np.uint8], darkness: float, slope: float, thickness: float) -> Mask:
    """Find the middles of strips without ink, as high as several lines.

    Args:
        ink: (H, W) uint8, 0 is paper.
        darkness: typical ink of the text, from 0 to 255.
        slope: of the lines, pixels down per pixel right; strips are at right angles to them.
        thickness: typical thickness of a core in pixels.
    Returns:
        (H, W) bool.
    """
    width = max(2, round(NARROWEST * thickness))
    band = max(1, round(thickness))  # rows that are looked at as one, to save time
    height = round(LINES * PITCH * thickness / band)
    paper = np.pad(ink < FAINT * darkness, ((0, -len(ink) % band), (0, width)), mode="edge")
    paper = paper.reshape(-1, band, paper.shape[1]).all(axis=1)
    columns = ink.shape[1]
    free = np.logical_and.reduce([paper[:, k : k + columns] for k in range(width)])
    free = np.roll(free, width // 2, axis=1)
    shifts = np.round(slope * band * np.arange(len(free))).astype(int)
    upright = _moved(free, shifts, beyond=True)
    strips = long_runs(np.ascontiguousarray(upright.T), height).T
    return np.repeat(_moved(strips, -shifts, beyond=False), band, axis=0)[: len(ink)]


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
