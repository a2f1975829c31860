"""Simulate paper, its wear, and a scanner."""

from __future__ import annotations

from typing import Optional, Tuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from htrlib.document.geometry import Box

_COARSE = 16  # pixels between samples of slowly changing brightness
_Gray = NDArray[np.float32]


def paper(width: int, height: int, rng: np.random.Generator, wear: float) -> _Gray:
    """Return the brightness of an empty page.

    Args:
        wear: 0 is pure white, 1 is realistic paper.
    Returns:
        (H, W) float32 between 0 and 255.
    """
    if rng.random() > wear:
        return np.full((height, width), 255.0, np.float32)
    white = rng.random() < 0.55
    tone = rng.uniform(240, 255) if white else rng.uniform(175, 250)
    coarse = _slow_changes(width, height, rng, 0.25 if white else 1.0)
    picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    sheet = tone * np.asarray(picture, np.float32)
    if not white or rng.random() < 0.3:
        sheet += rng.uniform(0.5, 5.0) * _grain(width, height, rng)
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.75, 0.12, 0.08, 0.05]))):
        _fold(sheet, rng)
    return np.clip(sheet, 0, 255, out=sheet)


def _slow_changes(width: int, height: int, rng: np.random.Generator, amount: float) -> _Gray:
    """Return factors around 1, one per `_COARSE` pixels: uneven light, stains, clouds."""
    rows, columns = height // _COARSE + 2, width // _COARSE + 2
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    x, y = x / columns, y / rows
    factor = 1.0 + amount * (rng.normal(0, 0.05) * (x - 0.5) + rng.normal(0, 0.05) * (y - 0.5))
    clouds = Image.fromarray(rng.standard_normal((6, 5)).astype(np.float32))
    clouds = clouds.resize((columns, rows), Image.Resampling.BICUBIC)
    factor += amount * rng.uniform(0, 0.02) * np.asarray(clouds)
    for _ in range(rng.poisson(0.4 * amount)):
        far = np.hypot((x - rng.random()) * columns / rows, y - rng.random())
        radius = rng.uniform(0.02, 0.2)
        inside = np.clip((radius - far) / rng.uniform(0.01, 0.1) + 0.5, 0.0, 1.0)
        factor -= rng.uniform(0.01, 0.12) * inside
    return np.asarray(factor, np.float32)


def _grain(width: int, height: int, rng: np.random.Generator) -> _Gray:
    """Return paper fibers: randomly smoothed noise with a standard deviation of about 1."""
    size = max(2, int(width / rng.uniform(1, 3))), max(2, int(height / rng.uniform(1, 3)))
    noise = Image.fromarray(rng.standard_normal(size[::-1], dtype=np.float32))
    return np.asarray(noise.resize((width, height), Image.Resampling.BILINEAR))


def _fold(sheet: _Gray, rng: np.random.Generator) -> None:
    """Darken or lighten a straight crease across the page."""
    along = sheet if rng.random() < 0.6 else sheet.T
    length, span = along.shape[1], along.shape[0]
    row = span * rng.choice([1 / 3, 1 / 2, 2 / 3, rng.random()])
    middle = row + np.linspace(0, rng.normal(0, 0.005) * length, length)
    reach = max(3, int(0.004 * span))
    depth = rng.normal(0, 14)
    for offset in range(-reach, reach + 1):
        rows = np.clip(middle + offset, 0, span - 1).astype(int)
        along[rows, np.arange(length)] -= depth * (1 - abs(offset) / (reach + 1)) ** 2


def add_marks(
    image: _Gray, writing: Optional[Box], rng: np.random.Generator, wear: float, specked: bool
) -> None:
    """Add specks, punch holes and a scanner's dark borders; holes and borders avoid the writing.

    Args:
        image: (H, W), changed in place.
        writing: boxes that borders and holes must not cover.
        specked: whether to always add specks, if there is any wear.
    """
    height, width = image.shape
    if wear > 0 and (specked or rng.random() < 0.5 * wear):
        _specks(image, rng)
    if writing is None:
        free = (0.1 * width, 0.1 * height, 0.1 * width, 0.1 * height)
    else:
        free = (writing.left, writing.top, width - writing.right, height - writing.bottom)
    if rng.random() < 0.12 * wear and free[0] > 0.05 * width:
        _holes(image, free[0], rng)
    if rng.random() < 0.35 * wear:
        _borders(image, free, rng)


def _specks(image: _Gray, rng: np.random.Generator) -> None:
    height, width = image.shape
    count = int(10 ** rng.uniform(0.7, 2.5))
    xs, ys = rng.integers(0, width, count), rng.integers(0, height, count)
    sizes = np.minimum(rng.geometric(0.55, count), 5)
    tones = rng.uniform(20, 170, count)
    for x, y, size, tone in zip(xs, ys, sizes, tones):
        tall = max(1, size + int(rng.integers(-1, 2)))
        spot = image[y : y + tall, x : x + size]
        np.minimum(spot, tone, out=spot)


def _holes(image: _Gray, room: float, rng: np.random.Generator) -> None:
    height, width = image.shape
    count = int(rng.choice([2, 3, 4]))
    radius = min(rng.uniform(0.008, 0.014) * width, 0.4 * room)
    column = min(0.5 * room, rng.uniform(0.02, 0.05) * width)
    tone = rng.choice([rng.uniform(0, 60), rng.uniform(150, 220)])
    for row in np.linspace(0.2, 0.8, count) * height:
        y, x = np.ogrid[: int(2 * radius) + 2, : int(2 * radius) + 2]
        top, left = max(0, int(row - radius)), max(0, int(column - radius))
        part = image[top : top + y.shape[0], left : left + x.shape[1]]
        inside = (y - radius) ** 2 + (x - radius) ** 2 <= radius**2
        part[inside[: part.shape[0], : part.shape[1]]] = tone


def _borders(image: _Gray, free: Tuple[float, ...], rng: np.random.Generator) -> None:
    """Fill one or more sides with the dark bed of the scanner."""
    height, width = image.shape
    mask = Image.new("1", (width, height))
    draw = ImageDraw.Draw(mask)
    everywhere = rng.random() < 0.35
    for side, room in enumerate(free):
        if room < 4 or not (everywhere or rng.random() < 0.4):
            continue
        most = min(0.8 * room, 0.1 * width)
        one, other = rng.uniform(0.2, 1.0) * most + rng.normal(0, 0.05, 2) * most
        w, h = width, height
        corners = (
            [(0, 0), (one, 0), (other, h), (0, h)],
            [(0, 0), (w, 0), (w, one), (0, other)],
            [(w, 0), (w - one, 0), (w - other, h), (w, h)],
            [(0, h), (w, h), (w, h - one), (0, h - other)],
        )[side]
        draw.polygon(corners, fill=1)
    outside = np.asarray(mask)
    tone = rng.choice([rng.uniform(0, 40), rng.uniform(60, 140)])
    image[outside] = tone + rng.uniform(0, 6) * rng.standard_normal(int(outside.sum()))


def scanned(image: _Gray, rng: np.random.Generator, wear: float) -> NDArray[np.uint8]:
    """Simulate a scanner: slight blur, contrast changes and noise.

    Returns:
        (H, W) uint8.
    """
    if rng.random() < 0.5 * wear:
        sharp = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
        radius = rng.uniform(0.3, 0.9) * max(0.6, min(1.6, image.shape[1] / 1200))
        image = np.asarray(sharp.filter(ImageFilter.GaussianBlur(radius)), np.float32)
    if rng.random() < 0.3 * wear:
        image = 255.0 - (255.0 - image) * np.float32(rng.uniform(0.75, 1.25))
    if rng.random() < 0.6 * wear:
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        image = image + np.float32(rng.uniform(0.5, 7.0)) * noise
    return np.clip(image, 0, 255).astype(np.uint8)
