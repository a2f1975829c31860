"""Add what shows through from the other side of the paper, or from the sheet below, to a line.

The strokes are those of another line of the same collection: fainter, blurred, mirrored where they
come from the back, and sometimes at a right angle, as in letters that were turned to save paper.
"""

from __future__ import annotations

from typing import Sequence

import numpy as np
from line_store import CutLine
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Ink = NDArray[np.uint8]
STRENGTH = 0.15, 0.6  # of the ink, beside that of the line
BLUR = 0.3, 2.0  # pixels at the height of cut lines
MIRRORED, TURNED = 0.7, 0.2  # fractions
WIDEST_GAP = 60  # pixels between the pieces that fill a line


def show_through(ink: Ink, others: Sequence[CutLine], rng: np.random.Generator) -> Ink:
    """Return a line with another one behind it.

    Args:
        ink: (H, W) uint8, 0 is paper; its lowest bit, the inside of the outline, stays as it is.
        others: lines of the same collection, of height H.
    """
    behind = others[int(rng.integers(len(others)))].ink & ~np.uint8(1)
    if rng.random() < TURNED:
        behind = _turned(behind, rng)
    if rng.random() < MIRRORED:
        behind = behind[:, ::-1]
    behind = _filled(behind, ink.shape[1], rng)
    behind = np.roll(behind, int(rng.integers(behind.shape[0])), axis=0)
    blurred = Image.fromarray(np.ascontiguousarray(behind)).filter(
        ImageFilter.GaussianBlur(rng.uniform(*BLUR))
    )
    faint = (np.asarray(blurred) * rng.uniform(*STRENGTH)).astype(np.uint8)
    return np.maximum(ink & ~np.uint8(1), faint & ~np.uint8(1)) | (ink & np.uint8(1))


def _turned(behind: Ink, rng: np.random.Generator) -> Ink:
    """A piece of a line, as high as the line, that runs down."""
    height = behind.shape[0]
    missing = max(0, height - behind.shape[1])
    long_enough = np.pad(behind, ((0, 0), (0, missing)))
    start = int(rng.integers(long_enough.shape[1] - height + 1))
    return np.ascontiguousarray(long_enough[:, start : start + height].T)


def _filled(behind: Ink, width: int, rng: np.random.Generator) -> Ink:
    """Repeat a piece, with gaps, from somewhere in it, until it is so wide."""
    gap = np.zeros((behind.shape[0], int(rng.integers(WIDEST_GAP))), np.uint8)
    piece = np.concatenate((behind, gap), axis=1)
    start = int(rng.integers(piece.shape[1]))
    copies = -(-(start + width) // piece.shape[1])
    return np.tile(piece, (1, copies))[:, start : start + width]
