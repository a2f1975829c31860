"""Lines of handwriting drawn from fonts, cut as `cut_lines` cuts real ones."""

from __future__ import annotations

import string
from typing import Sequence, Tuple

import numpy as np
from line_store import HEIGHT, SOURCE_MARGIN
from numpy.typing import NDArray
from texts import phrase

from htrlib.synthesis.handwriting import HandwritingFont, draw_line

Ink = NDArray[np.uint8]
CAPITALS = 0.12  # of the lines
SMALL_CAPITALS = 0.12  # of the lines: some letters are always capitals, as some hands print them


class HandSource:
    """Draws a line at a time from fonts, with words of two languages."""

    def __init__(
        self, fonts: Sequence[HandwritingFont], english: Sequence[str], french: Sequence[str]
    ) -> None:
        self._fonts, self._english, self._french = fonts, english, french

    def __call__(self, rng: np.random.Generator) -> Tuple[Ink, str]:
        text, font = "", self._fonts[0]
        while not text:
            font = self._fonts[int(rng.integers(len(self._fonts)))]
            text = in_a_case(phrase(self._english, self._french, rng), rng)
            text = text if font.covers(text) else ""
        line_height = HEIGHT / (1 + 2 * SOURCE_MARGIN)
        drawn = draw_line(text, font, line_height, rng)
        ink = np.zeros((HEIGHT, drawn.ink.shape[1] + int(rng.integers(8, 40))), np.uint8)
        base = SOURCE_MARGIN * line_height
        base += line_height * font.ascent / (font.ascent + font.descent)
        row = round(base) + int(rng.integers(-4, 5))
        left = int(rng.integers(2, 1 + ink.shape[1] - drawn.ink.shape[1]))
        paste(ink, drawn.ink, left, row - drawn.baseline)
        if rng.random() < 0.3:  # the loops of a neighboring line reach in
            shift = int(rng.integers(52, 80)) * (1 if rng.random() < 0.5 else -1)
            aside = left + int(rng.integers(-60, 60))
            paste(ink, drawn.ink, aside, row - drawn.baseline + shift)
        if rng.random() < 0.15:  # a ruled line
            rule = row + int(rng.integers(-2, 5))
            shade = np.uint8(rng.integers(40, 200))
            ink[rule : rule + int(rng.integers(1, 3))] |= shade
        return ink, drawn.text


def in_a_case(text: str, rng: np.random.Generator) -> str:
    """Return a text in capitals, with some letters always in capitals, or mostly as it is."""
    style = rng.random()
    if style < CAPITALS:
        return text.upper()
    if style < CAPITALS + SMALL_CAPITALS:
        chosen = {letter for letter in string.ascii_lowercase if rng.random() < 0.5}
        return "".join(c.upper() if c in chosen else c for c in text)
    return text


def paste(canvas: Ink, ink: Ink, left: int, top: int) -> None:
    """Lay ink over a canvas; what reaches over its edges is cut off."""
    height, width = canvas.shape
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(height, top + ink.shape[0]), min(width, left + ink.shape[1])
    if y1 > y0 and x1 > x0:
        target = canvas[y0:y1, x0:x1]
        np.maximum(target, ink[y0 - top : y1 - top, x0 - left : x1 - left], out=target)
