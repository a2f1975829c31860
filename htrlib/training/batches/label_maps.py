"""Crops of pages with pixel labels, for training the page labelers."""

from __future__ import annotations

from typing import Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from htrlib.document.geometry import Box
from htrlib.document.results import TextLine
from htrlib.images.line_strips import line_extent
from htrlib.images.regions import cut_region, page_ink
from htrlib.layout.line_cores import TAUGHT_CORE

LABEL_STRIDE = 2  # the labelers' output has half the resolution of their input
Lines = Sequence[TextLine]


def text_height(lines: Lines) -> float:
    """Return the median height of lines with polygon and baseline in page pixels, or 0."""
    heights = []
    for line in lines:
        if line.polygon is not None and line.baseline is not None and not line.quarter_turns:
            extent = line_extent(line.polygon, line.baseline)
            heights.append(extent.ascent + extent.descent)
    return float(np.median(heights)) if heights else 0.0


def draw_labels(
    lines: Lines,
    origin: Tuple[float, float],
    scale: float,
    size: Tuple[int, int],
) -> Tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw the cores and areas of lines.

    Args:
        lines: for a line without polygon or baseline, the middle of its box is the core. Lines up
            or down the page are left out: they are found on the page turned.
        origin: page coordinates of the picture's top left corner.
        scale: picture pixels per page pixel.
        size: width and height of the picture.
    Returns:
        Two (H, W) uint8 arrays: 255 in the cores (x-height) of lines, and in their polygons.
    """
    cores, areas = Image.new("L", size), Image.new("L", size)
    draw_core, draw_area = ImageDraw.Draw(cores), ImageDraw.Draw(areas)

    def at(x: float, y: float) -> Tuple[float, float]:
        return (x - origin[0]) * scale, (y - origin[1]) * scale

    for line in lines:
        if line.quarter_turns:
            continue
        if line.polygon is None or line.baseline is None:
            box = line.box
            draw_area.rectangle([at(box.left, box.top), at(box.right, box.bottom)], fill=255)
            third = box.height / 3
            draw_core.rectangle(
                [at(box.left, box.top + third), at(box.right, box.bottom - third)], fill=255
            )
            continue
        draw_area.polygon([at(x, y) for x, y in line.polygon.points], fill=255)
        extent = line_extent(line.polygon, line.baseline)
        step = max(1, len(extent.columns) // 40)
        picked = [*range(0, len(extent.columns), step), len(extent.columns) - 1]
        lower = [at(extent.columns[i], extent.base[i]) for i in picked]
        rise = TAUGHT_CORE * extent.ascent
        upper = [at(extent.columns[i], extent.base[i] - rise) for i in reversed(picked)]
        draw_core.polygon(lower + upper, fill=255)
    return np.asarray(cores), np.asarray(areas)


def label_crop(
    page: NDArray[np.uint8], lines: Lines, scale: float, side: int, rng: np.random.Generator
) -> Tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Cut a random square out of a page, slightly rotated, and draw its labels.

    Args:
        page: (H, W) uint8, 0 is black.
        lines: all handwritten lines of the page.
        scale: crop pixels per page pixel.
        side: side length of the crop in pixels.
    Returns:
        (side, side) uint8 ink, 0 is paper; (2, side / 2, side / 2) uint8 labels, 0 or 1: cores and
        areas of lines.
    """
    height, width = page.shape
    reach = side / scale
    # One crop in three lies anywhere, the others around a line: many pages are mostly empty.
    if lines and rng.random() < 0.67:
        box = lines[int(rng.integers(len(lines)))].box
        x = rng.uniform(box.left, box.right) - rng.uniform(0.1, 0.9) * reach
        y = rng.uniform(box.top, box.bottom) - rng.uniform(0.1, 0.9) * reach
    else:
        x, y = (rng.uniform(min(0, n - reach), max(1, n - reach)) for n in (width, height))
    x = float(np.clip(x, -0.2 * reach, max(1.0, width - 0.6 * reach)))
    y = float(np.clip(y, -0.2 * reach, max(1.0, height - 0.6 * reach)))
    region = cut_region(page, Box(x, y, x + reach, y + reach), scale)
    size = (region.gray.shape[1], region.gray.shape[0])
    cores, areas = draw_labels(lines, (region.left, region.top), scale, size)
    ink = Image.fromarray(page_ink(region.gray))
    turn = float(rng.normal(0, 2.0))
    pictures = [
        picture.rotate(turn, Image.Resampling.BILINEAR)
        for picture in (ink, Image.fromarray(cores), Image.fromarray(areas))
    ]
    canvas = [np.zeros((side, side), np.uint8) for _ in pictures]
    left = int(rng.integers(0, side - size[0] + 1)) if size[0] < side else 0
    top = int(rng.integers(0, side - size[1] + 1)) if size[1] < side else 0
    for target, picture in zip(canvas, pictures):
        part = np.asarray(picture)[:side, :side]
        target[top : top + part.shape[0], left : left + part.shape[1]] = part
    shades = np.clip(canvas[0] * np.exp(rng.uniform(-0.5, 0.3)), 0, 255)
    if rng.random() < 0.5:
        shades = np.clip(shades + rng.uniform(0, 20) * rng.standard_normal(shades.shape), 0, 255)
    labels = np.stack([c[::LABEL_STRIDE, ::LABEL_STRIDE] > 127 for c in canvas[1:]])
    return shades.astype(np.uint8), labels.astype(np.uint8)
