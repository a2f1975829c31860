"""Brighten the shade along the folds of a page.

A fold is a narrow dark band, straight across or down the whole page. It darkens everything on it,
while rows of text and rules leave paper as bright as before beside or between their strokes.
"""

from __future__ import annotations

from typing import List, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.images.filters import maximum_filter

Page = NDArray[np.uint8]
Floats = NDArray[np.float32]

SIDE = 500  # samples along a page's shorter side
PARTS = 8  # of a column, whose brightest pixels are compared with those of the columns around
AROUND = 41  # samples: broader shades, and those nearer to an edge, are shadows and do no harm
SHADED = 0.96  # of the brightness around: what is darker belongs to a fold
DEEPEST, FAINTEST = 0.4, 0.92  # brightness of a fold's middle: darker is ink, brighter harmless
ACROSS = 0.75  # share of the parts that a fold goes through
NARROWEST = 5  # samples: a narrower line is a rule
SOFT = 0.3  # share of a fold that is no darker than half as much as its middle: bars have edges


def without_folds(page: Page) -> Page:
    """Brighten the folds of a page; a page without folds is returned unchanged.

    Args:
        page: (H, W) uint8, 0 is black.
    """
    step = max(1, min(page.shape) // SIDE)
    if min(page.shape) < 2 * step * AROUND:
        return page
    some = np.ascontiguousarray(page[::step, ::step])
    for axis, lines in ((0, np.ascontiguousarray(some.T)), (1, some)):
        shade = _shade(lines)
        if (shade < 1).any():
            at = np.arange(page.shape[axis])
            page = _brightened(page, np.interp(at, np.arange(len(shade)) * step, shade), axis)
    return page


def _brightened(page: Page, shade: NDArray[np.float64], axis: int) -> Page:
    page = page.copy()
    rows = page if axis == 0 else page.T
    folds = np.flatnonzero(shade < 1)
    rows[folds] = np.minimum(rows[folds] / shade[folds, np.newaxis], 255).round()
    return page


def _shade(page: Page) -> Floats:
    """Return (W,) how bright each column is beside those around it; 1 where there is no fold.

    Args:
        page: (H, W) uint8, 0 is black.
    """
    height, width = page.shape
    parts = page[: height - height % PARTS].reshape(PARTS, -1, width)
    brightest = parts.max(axis=1)
    around = ~maximum_filter(~maximum_filter(brightest, AROUND), AROUND)
    shares = brightest.astype(np.float32) / np.maximum(around, 1)
    through = (shares < SHADED).mean(axis=0) >= ACROSS
    found = np.ones(width, np.float32)
    broad = [band for band in _bands(through) if band[1] - band[0] >= NARROWEST]
    if not broad:
        return found
    shade = np.median(shares, axis=0)
    for start, end in broad:
        inside = start >= AROUND and end <= width - AROUND
        if inside and _is_soft(shade[start:end]) and _darkens_paper(page, shade, start, end):
            start, end = start - 2, end + 2  # it fades out
            found[start:end] = np.minimum(shade[start:end], 1)
    return found


def _bands(dark: NDArray[np.bool_]) -> List[Tuple[int, int]]:
    """Return the start and end of each run."""
    steps = np.diff(dark.astype(np.int8), prepend=0, append=0)
    return list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist()))


def _is_soft(shade: Floats) -> bool:
    """Return whether a dark band is as dark and as soft as a fold."""
    deepest = float(shade.min())
    soft = float((shade > (1 + deepest) / 2).mean())
    return DEEPEST <= deepest <= FAINTEST and soft >= SOFT


def _darkens_paper(page: Page, shade: Floats, start: int, end: int) -> bool:
    """Return whether most of a band is darker than the columns beside it.

    Between lines of light writing on dark paper, only the writing is missing.
    """
    deepest = start + int(shade[start:end].argmin())
    beside = np.median(page[:, [start - 2, end + 1]])
    usual = float(np.median(page[:, deepest]) / max(float(beside), 1.0))
    return usual <= (1 + float(shade[deepest])) / 2
