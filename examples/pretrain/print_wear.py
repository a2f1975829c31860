"""Degrade clean print like presses, ribbons, copies, age and scanners."""

from __future__ import annotations

import io
from typing import Tuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Floats = NDArray[np.float32]


def wear(ink: Floats, pixels: float, rng: np.random.Generator) -> Floats:
    """Make clean letters look pressed, copied, aged and scanned.

    Args:
        ink: (H, W) 0 is paper, 1 is ink.
        pixels: x-height in pixels.
    """
    height, width = ink.shape
    if rng.random() < 0.65:  # the ink spreads or does not take: filled and broken letters
        spread = _blurred(ink, pixels * rng.uniform(0.02, 0.11))
        grain = _noise((height, width), max(1.0, pixels * rng.uniform(0.05, 0.35)), rng)
        level = rng.uniform(0.25, 0.62) + rng.uniform(0.0, 0.16) * grain
        sharp = rng.uniform(4.0, 14.0)
        ink = 1.0 / (1.0 + np.exp(-sharp * (spread - level)))
        ink -= ink[:1].min()
        ink /= max(float(ink.max()), 0.2)
    if rng.random() < 0.35:  # worn, or a carbon copy
        patch = _noise((height, width), pixels * rng.uniform(0.5, 4.0), rng)
        ink = ink * np.clip(1.0 - rng.uniform(0.1, 0.5) * (patch + 0.6), 0.12, 1.0)
    if rng.random() < 0.4:
        ink = _blurred(ink, pixels * rng.uniform(0.02, 0.13))
    if rng.random() < 0.12:  # the back of the leaf, or the facing page
        ghost = _blurred(np.roll(ink[:, ::-1], int(rng.integers(-width, width)), 1), 1.0)
        ghost = np.roll(ghost, int(rng.integers(-8, 9)), 0)
        ink = np.maximum(ink, rng.uniform(0.1, 0.4) * ghost)
    if rng.random() < 0.5:
        ink = ink + rng.uniform(0.0, 0.09) * rng.standard_normal((height, width), dtype=np.float32)
    if rng.random() < 0.1:  # specks
        spots = rng.random((height, width), dtype=np.float32) < rng.uniform(0.0005, 0.006)
        ink = np.maximum(ink, spots * np.float32(rng.uniform(0.4, 1.0)))
    if rng.random() < 0.2:
        ink = _compressed(ink, int(rng.integers(18, 70)))
    return ink.astype(np.float32)


def _blurred(ink: Floats, radius: float) -> Floats:
    picture = Image.fromarray(np.clip(ink * 255.0, 0, 255).astype(np.uint8))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(radius)), np.float32) / 255.0


def _noise(shape: Tuple[int, int], scale: float, rng: np.random.Generator) -> Floats:
    """Return smooth noise of unit variance that changes over about `scale` pixels."""
    small = (int(shape[0] / scale) + 3, int(shape[1] / scale) + 3)
    coarse = Image.fromarray(rng.standard_normal(small, dtype=np.float32))
    return np.asarray(coarse.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))


def _compressed(ink: Floats, quality: int) -> Floats:
    buffer = io.BytesIO()
    Image.fromarray((255.0 - np.clip(ink, 0, 1) * 255.0).astype(np.uint8)).save(
        buffer, "JPEG", quality=quality
    )
    return 1.0 - np.asarray(Image.open(buffer).convert("L"), np.float32) / 255.0
