"""Draw the wavy strokes by which writers fill a line, so that the recognizer reads nothing there.

Clerks and notaries filled the rest of a line with "~~~", so that nobody could add a word. A reader
that has not seen such strokes takes them for letters with many arches.
"""

from __future__ import annotations

import numpy as np
from line_store import HEIGHT, SOURCE_MARGIN
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Ink = NDArray[np.uint8]
AT_END = 0.8  # of the strokes, the others stand at the start
LENGTH = 0.6, 6.0  # in line heights
PERIOD = 0.25, 1.2  # in line heights
AMPLITUDE = 0.03, 0.16  # in line heights
PEN = 2, 6  # pixels
GAP = 6, 40  # pixels between the stroke and the text
LINE_HEIGHT = HEIGHT / (1 + 2 * SOURCE_MARGIN)


def with_filler(ink: Ink, rng: np.random.Generator) -> Ink:
    """Return a line with a wavy stroke after it, or before it.

    Args:
        ink: (HEIGHT, W) uint8, 0 is paper; the lowest bit marks the inside of the outline, where
            the stroke lies too.
    """
    gap = np.ones((HEIGHT, int(rng.integers(*GAP))), np.uint8)
    stroke = _wave(rng) | np.uint8(1)
    parts = (ink, gap, stroke) if rng.random() < AT_END else (stroke, gap, ink)
    return np.concatenate(parts, axis=1)


def _wave(rng: np.random.Generator) -> Ink:
    """Draw (HEIGHT, W) a wave with a period and a height that waver, at the middle of a line."""
    length = round(rng.uniform(*LENGTH) * LINE_HEIGHT)
    period = rng.uniform(*PERIOD) * LINE_HEIGHT
    columns = np.arange(0, length, 2.0)
    wander = np.interp(columns, np.linspace(0, length, 6), rng.uniform(-0.8, 0.8, 6))
    height = np.interp(columns, np.linspace(0, length, 6), rng.uniform(0.5, 1.5, 6))
    amplitude = rng.uniform(*AMPLITUDE) * LINE_HEIGHT
    base = HEIGHT / 2 + rng.uniform(-0.1, 0.25) * LINE_HEIGHT + rng.uniform(-0.04, 0.04) * columns
    phase = 2 * np.pi * (columns / period + 0.3 * wander)
    rows = base + amplitude * height * np.sin(phase + rng.uniform(0, 2 * np.pi))
    canvas = Image.new("L", (length, HEIGHT))
    points = list(zip(columns.tolist(), rows.tolist()))
    pen, shade = int(rng.integers(*PEN)), int(rng.integers(110, 256))
    ImageDraw.Draw(canvas).line(points, fill=shade, width=pen, joint="curve")
    return np.asarray(canvas)
