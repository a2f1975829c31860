"""Pictures that the notebooks show, small enough to store in them."""

from __future__ import annotations

import math
from typing import Iterable, List, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from htrlib.document.geometry import Point
from htrlib.document.results import LogProbs
from htrlib.formats.overlay import label_font

INK, BLUE, RULE = (28, 32, 40), (0, 104, 172), (214, 218, 224)
SPACE = {" ": "space"}


def shown(picture: Image.Image, width: int = 900) -> Image.Image:
    """Return the picture in 256 colors, at most that wide."""
    if picture.width > width:
        height = round(picture.height * width / picture.width)
        picture = picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    return picture.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


def draw_outlines(page: NDArray[np.uint8], outlines: Iterable[Sequence[Point]]) -> Image.Image:
    """Draw closed outlines on a page."""
    picture = Image.fromarray(page).convert("RGB")
    draw = ImageDraw.Draw(picture)
    for points in outlines:
        draw.line([*points, points[0]], fill=BLUE, width=max(2, picture.width // 350))
    return picture


def draw_log_probs(log_probs: LogProbs, line: NDArray[np.uint8]) -> Image.Image:
    """Draw a line, and below it the probability of each symbol in each frame; dark is probable.

    Args:
        log_probs: what the recognizer says of the line.
        line: (H, W) uint8, the ink of the line, 0 is paper.
    """
    probabilities = np.exp(log_probs.values)
    blank = probabilities.shape[1] - 1
    seen = [k for k in np.flatnonzero(probabilities.max(axis=0) > 0.3) if k != blank]
    names = [
        "(none)",
        *(SPACE.get(log_probs.charset.symbols[k], log_probs.charset.symbols[k]) for k in seen),
    ]
    step, left, width = 17, 64, 1000
    top = round(line.shape[0] * width / line.shape[1]) + 10
    sheet = Image.new("L", (left + width, top + step * len(names)), 255)
    sheet.paste(
        Image.fromarray(255 - line).resize((width, top - 10), Image.Resampling.LANCZOS), (left, 0)
    )
    draw = ImageDraw.Draw(sheet)
    for row, (name, k) in enumerate(zip(names, [blank, *seen])):
        shade = (255 * (1 - probabilities[:, k])).astype(np.uint8)[np.newaxis]
        band = Image.fromarray(shade).resize((width, step - 2), Image.Resampling.NEAREST)
        sheet.paste(band, (left, top + step * row))
        place = (left - 8, top + step * (row + 0.5))
        draw.text(place, name, fill=0, font=label_font(13), anchor="rm")
    return sheet


def draw_curve(values: Mapping[int, float], name: str) -> Image.Image:
    """Plot a value over the epochs.

    Args:
        values: by epoch, between 0 and 1 or a little more; there may be none.
        name: of the value.
    """
    width, height, margin = 700, 280, 48
    steps = max(1, math.ceil(10 * max(values.values(), default=0.0)))
    last = max(1, *values) if values else 1
    highest = steps / 10
    picture = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(picture), label_font(13)

    def place(epoch: float, value: float) -> Point:
        x = margin + (width - 2 * margin) * epoch / last
        return x, height - margin - (height - 2 * margin) * value / highest

    for value in np.linspace(0, highest, steps + 1):
        draw.line([place(0, value), place(last, value)], fill=RULE)
        draw.text((margin - 8, place(0, value)[1]), f"{value:.1f}", INK, font, anchor="rm")
    points: List[Point] = [place(*item) for item in sorted(values.items())]
    if len(points) > 1:
        draw.line(points, fill=BLUE, width=3, joint="curve")
    for epoch, (x, y) in zip(sorted(values), points):
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=BLUE)
        draw.text((x, height - margin + 8), str(epoch), INK, font, anchor="mt")
    if not points:
        draw.text((width / 2, height / 2), "no epoch was scored", INK, font, anchor="mm")
    draw.text((margin, 12), name, INK, label_font(15))
    draw.text((width - margin, height - 8), "epoch", INK, font, anchor="rs")
    return picture
