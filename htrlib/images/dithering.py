"""Smooth scans of two colors whose grays are dithered: single dots that hide the strokes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Page = NDArray[np.uint8]

BANDS, ROWS = 24, 32  # parts of a page that are looked at, and their height in pixels

LONELY = 0.01
"""Share of the pixels that differ from all four neighbors, above which a page is dithered: it is at
least 0.026 of dithered pages, and at most 0.004 of others."""

RADIUS = 1.5
"""Pixels, of the Gaussian that smooths: dots vanish, and strokes of a scan at 150 dpi stay."""


def without_dithering(page: Page) -> Page:
    """Smooth a dithered page; another page is returned unchanged.

    Args:
        page: (H, W) uint8, 0 is black.
    """
    if _share_of_lonely(page) < LONELY:
        return page
    return np.asarray(Image.fromarray(page).filter(ImageFilter.GaussianBlur(RADIUS)))


def _share_of_lonely(page: Page) -> float:
    """Return the share of pixels that are dark among four light ones, or light among dark ones."""
    height, width = page.shape
    if height < 3 or width < 3:
        return 0.0
    rows = min(ROWS, height)
    starts = np.unique(np.linspace(0, height - rows, BANDS).astype(int))
    bands = np.stack([page[start : start + rows] for start in starts])
    ink, paper = np.percentile(bands[:, ::2, ::2], (1, 99))
    dark = bands < (ink + paper) / 2
    middle = dark[:, 1:-1, 1:-1]
    lonely = np.ones_like(middle)
    for beside in (dark[:, :-2, 1:-1], dark[:, 2:, 1:-1], dark[:, 1:-1, :-2], dark[:, 1:-1, 2:]):
        lonely &= middle != beside
    return float(lonely.mean())
