"""Smooth scans whose single dots hide the strokes: dithered grays, and specks."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Page = NDArray[np.uint8]
_Flags = NDArray[np.bool_]

BANDS, ROWS = 24, 32  # parts of a page that are looked at, and their height in pixels

SMALLEST = 400
"""Pixels of a page's shorter side: in pictures of a line or word, fine strokes look like grain."""

LONELY = 0.003
"""Share of the pixels that differ from all four neighbors, above which a page may be grainy."""

DENSE = 0.08
"""Share of them that only dithering has; the smallest print has 0.027."""

TWO_COLORS = 0.1
"""Share of the pixels whose gray is not nearly that of ink or paper, at most, of a dithered page.
Noisy pages have more: the recognizer reads through their noise, and would miss the strokes."""

SPECKS = 0.004
"""Share of the paper that such dark pixels take, above which a page is grainy. Those of small print
are parts of letters: paper begins `AWAY` pixels from any other ink."""

AWAY = 3

CROWDED = 1.5
"""Dots near a dot, relative to dots that fall anywhere: where dithering makes few, they gather in
gray places."""

GRAIN = 8
"""Gray levels by which the median of 3 x 3 pixels usually differs where all pixels are noisy."""

RADIUS = 1.5
"""Pixels, of the Gaussian that smooths dithering: its dots vanish, and strokes of a scan at 150 dpi
stay. It would only blur specks, which the median of 3 x 3 pixels takes out."""


def without_grain(page: Page) -> Page:
    """Smooth a dithered or speckled page; another page is returned unchanged.

    Args:
        page: (H, W) uint8, 0 is black.
    """
    if min(page.shape) < SMALLEST:
        return page
    dark = _dark(page)
    lonely = _lonely(dark)
    share = float(lonely.mean())
    if share < LONELY or (share <= DENSE and _specks(dark, lonely) < SPECKS):
        return page
    picture = Image.fromarray(page)
    if share > DENSE or _crowding(lonely) > CROWDED:
        if not _is_of_two_colors(page):
            return page
        return np.asarray(picture.filter(ImageFilter.GaussianBlur(RADIUS)))
    without_specks = np.asarray(picture.filter(ImageFilter.MedianFilter(3)))
    noisy = np.median(np.abs(without_specks.astype(np.int16) - page)) >= GRAIN
    return page if noisy else without_specks


def _is_of_two_colors(page: Page) -> bool:
    some = page[::3, ::3]
    ink, paper = np.percentile(some, (1, 99))
    margin = (paper - ink) / 5
    return bool(((some > ink + margin) & (some < paper - margin)).mean() < TWO_COLORS)


def _dark(page: Page) -> _Flags:
    """Return (B, H, W) bool, the dark pixels of bands of a page."""
    starts = np.unique(np.linspace(0, len(page) - ROWS, BANDS).astype(int))
    bands = np.stack([page[start : start + ROWS] for start in starts])
    ink, paper = np.percentile(bands[:, ::2, ::2], (1, 99))
    return np.asarray(bands < (ink + paper) / 2)


def _lonely(dark: _Flags) -> _Flags:
    """Return (B, H - 2, W - 2) where a pixel is unlike its four neighbors."""
    lonely = np.ones_like(dark[:, 1:-1, 1:-1])
    for beside in (dark[:, :-2, 1:-1], dark[:, 2:, 1:-1], dark[:, 1:-1, :-2], dark[:, 1:-1, 2:]):
        lonely &= dark[:, 1:-1, 1:-1] != beside
    return np.asarray(lonely)


def _specks(dark: _Flags, lonely: _Flags) -> float:
    """Return the share of the paper that lonely dark pixels take."""
    dark = dark[:, 1:-1, 1:-1]
    ink = (dark & ~lonely).reshape(-1, dark.shape[2])
    near = Image.fromarray(ink.astype(np.uint8)).filter(ImageFilter.MaxFilter(2 * AWAY + 1))
    paper = ~np.asarray(near, bool)
    specks = (dark & lonely).reshape(paper.shape) & paper
    return float(specks.sum() / max(1, paper.sum()))


def _crowding(lonely: _Flags) -> float:
    """Return how many dots are within two pixels of a dot, relative to what chance would give."""
    _, height, width = lonely.shape
    pairs = places = 0
    for down, right in product(range(3), range(-2, 3)):
        if down == 0 and right <= 0:
            continue
        left = max(0, -right)
        one = lonely[:, : height - down, left : width - max(0, right)]
        other = lonely[:, down:, left + right : width - max(0, right) + right]
        pairs += int((one & other).sum())
        places += one.size
    share = float(lonely.mean())
    return pairs / (places * share * share)
