"""Prepare pages or regions for the page labelers: scale them, and convert gray to ink."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from htrlib.document.geometry import Box
from htrlib.errors import ImageError
from htrlib.images.filters import mean_filter, percentile_filter, percentiles, upper_percentile
from htrlib.images.loading import resize

Floats = NDArray[np.float64]

PAPER_CELL = 16  # pixels: side of the squares in which the paper's brightness is measured
PAPER_WINDOW = 7  # squares: window over which it is estimated, in each direction


@dataclass(frozen=True, eq=False)
class Region:
    """A part of a page, scaled.

    Attributes:
        gray: (H, W) uint8, 0 is black.
        left: x of its first column, in page pixels.
        top: y of its first row, in page pixels.
        scale: pixels of `gray` per page pixel.
    """

    gray: NDArray[np.uint8]
    left: float
    top: float
    scale: float

    def to_page(self, x: Floats, y: Floats) -> Tuple[Floats, Floats]:
        """Map points of `gray` to page coordinates."""
        return self.left + x / self.scale, self.top + y / self.scale


def cut_region(page: NDArray[np.uint8], box: Box, scale: float) -> Region:
    """Cut the part of a page in a box, clipped to the page, and scale it.

    Raises:
        ImageError: the box lies outside the page.
    """
    height, width = page.shape
    left, top = max(0, int(box.left)), max(0, int(box.top))
    right, bottom = min(width, int(np.ceil(box.right))), min(height, int(np.ceil(box.bottom)))
    part = page[top : max(bottom, top + 1), left : max(right, left + 1)]
    if not part.size:
        edges = ", ".join(f"{edge:g}" for edge in box.as_tuple())
        raise ImageError(f"the box {edges} lies outside the page of {width} x {height} pixels")
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
    cells = padded.reshape(rows, PAPER_CELL, columns, PAPER_CELL).swapaxes(1, 2)
    (bright,) = percentiles(cells.reshape(rows, columns, -1), (75,))
    paper = percentile_filter(bright, 70, PAPER_WINDOW)
    paper = mean_filter(mean_filter(paper.T, 3).T, 3).astype(np.float32)
    local = np.asarray(
        Image.fromarray(paper).resize(
            (columns * PAPER_CELL, rows * PAPER_CELL), Image.Resampling.BILINEAR
        )
    )[:height, :width]
    darkness = np.subtract(local, gray, dtype=np.float32)
    np.maximum(darkness, 0.0, out=darkness)
    strongest = upper_percentile(darkness, 99, 32.0)  # 32: a region of paper only stays paper
    darkness *= 255.0 / strongest
    return np.minimum(darkness, 255.0, out=darkness).astype(np.uint8)
