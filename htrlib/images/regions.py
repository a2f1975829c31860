"""Prepare a page for the networks that look at all of it: scale, and turn grey into ink."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from htrlib.document.geometry import Box
from htrlib.images.loading import resize

PAPER_CELL = 16  # pixels: the paper's brightness is measured in squares of this side
PAPER_WINDOW = 7  # squares: and taken over as many in each direction


@dataclass(frozen=True, eq=False)
class Region:
    """A part of a page, scaled.

    Attributes:
        gray: (H, W) uint8, 0 is black.
        left: x of its first column, in page pixels.
        top: y of its first row, in page pixels.
        scale: pixels of `gray` for each page pixel.
    """

    gray: NDArray[np.uint8]
    left: float
    top: float
    scale: float

    def to_page(self, x: float, y: float) -> tuple[float, float]:
        """The page coordinates of a point of `gray`."""
        return self.left + x / self.scale, self.top + y / self.scale


def cut_region(page: NDArray[np.uint8], box: Box, scale: float) -> Region:
    """The part of a page in a box, clipped to the page, times a scale."""
    height, width = page.shape
    left, top = max(0, int(box.left)), max(0, int(box.top))
    right, bottom = min(width, int(np.ceil(box.right))), min(height, int(np.ceil(box.bottom)))
    part = page[top : max(bottom, top + 1), left : max(right, left + 1)]
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    return Region(resize(part, *size), left, top, scale)


def page_ink(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Subtract the paper's local brightness and stretch to the darkest ink.

    Large dark areas (a scanner's border) count as paper.

    Args:
        gray: (H, W) uint8, 0 is black.
    Returns:
        (H, W) uint8, 0 is paper and 255 is ink.
    """
    height, width = gray.shape
    padded = np.pad(gray, ((0, -height % PAPER_CELL), (0, -width % PAPER_CELL)), mode="edge")
    rows, columns = padded.shape[0] // PAPER_CELL, padded.shape[1] // PAPER_CELL
    cells = padded.reshape(rows, PAPER_CELL, columns, PAPER_CELL)
    bright = np.percentile(cells, 75, axis=(1, 3)).astype(np.float32)
    paper = ndimage.uniform_filter(
        ndimage.percentile_filter(bright, 70, size=PAPER_WINDOW, mode="nearest"), 3, mode="nearest"
    )
    local = np.asarray(
        Image.fromarray(paper).resize(
            (columns * PAPER_CELL, rows * PAPER_CELL), Image.Resampling.BILINEAR
        )
    )[:height, :width]
    darkness = np.maximum(local - gray, 0.0)
    strongest = max(float(np.percentile(darkness, 99)), 32.0)  # 32: paper alone stays paper
    ink: NDArray[np.uint8] = np.minimum(darkness * (255.0 / strongest), 255.0).astype(np.uint8)
    return ink
