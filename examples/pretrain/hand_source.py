"""Lines of handwriting drawn from fonts, cut as `cut_lines` cuts real ones."""

from __future__ import annotations

import string
from dataclasses import replace
from typing import Sequence, Tuple

import numpy as np
from line_store import HEIGHT, SOURCE_MARGIN
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from texts import phrase

from htrlib.synthesis.handwriting import HandwritingFont, HandwritingStyle, draw_line

Ink = NDArray[np.uint8]
CAPITALS = 0.12  # of the lines
SMALL_CAPITALS = 0.5  # of the lines of fonts that do not join letters: some are small capitals
CHOSEN = 0.15, 0.65  # of the letters of such a line
CAPITAL_SIZE = 0.95, 1.5  # of these capitals, in heights of small letters
UNJOINED = "nnunun"  # letters that a font joins, if it joins any
INK = 100  # ink from which on a column is no paper
PLAIN = 0.4  # of the letters of such a line at least, or it would be a line in capitals


class HandSource:
    """Draws a line at a time from fonts, with words of two languages."""

    def __init__(
        self, fonts: Sequence[HandwritingFont], english: Sequence[str], french: Sequence[str]
    ) -> None:
        self._fonts, self._english, self._french = fonts, english, french
        self._printing = frozenset(font for font in fonts if prints(font))

    def __call__(self, rng: np.random.Generator) -> Tuple[Ink, str]:
        text, font, style = "", self._fonts[0], HandwritingStyle()
        while not text:
            font = self._fonts[int(rng.integers(len(self._fonts)))]
            text = phrase(self._english, self._french, rng)
            text = text.upper() if rng.random() < CAPITALS else text
            style = HandwritingStyle.random(rng)
            if font in self._printing and rng.random() < SMALL_CAPITALS:
                style = with_small_capitals(style, text, rng)
            text = text if font.covers("".join(map(style.shape, text))) else ""
        line_height = HEIGHT / (1 + 2 * SOURCE_MARGIN)
        drawn = draw_line(text, font, line_height, rng, style)
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


def prints(font: HandwritingFont) -> bool:
    """Whether a font leaves paper between its letters."""
    face = ImageFont.truetype(str(font.path), 100)
    image = Image.new("L", (100 * len(UNJOINED), 300))
    ImageDraw.Draw(image).text((50, 200), UNJOINED, fill=255, font=face, anchor="ls")
    inked = (np.asarray(image) > INK).any(axis=0)
    return int(np.count_nonzero(inked[1:] & ~inked[:-1])) >= len(UNJOINED)


def with_small_capitals(
    style: HandwritingStyle, text: str, rng: np.random.Generator
) -> HandwritingStyle:
    """Return a style in which some letters of a text are small capitals, as some hands print.

    A text without enough other letters keeps its style.
    """
    letters = [c for c in text if c.isalpha()]
    share = rng.uniform(*CHOSEN)
    chosen = frozenset(c for c in string.ascii_lowercase if rng.random() < share)
    drawn = replace(style, small_capitals=chosen, capital_size=rng.uniform(*CAPITAL_SIZE))
    plain = sum(c.islower() and drawn.shape(c) == c for c in letters)
    return drawn if plain >= PLAIN * len(letters) else style


def paste(canvas: Ink, ink: Ink, left: int, top: int) -> None:
    """Lay ink over a canvas; what reaches over its edges is cut off."""
    height, width = canvas.shape
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(height, top + ink.shape[0]), min(width, left + ink.shape[1])
    if y1 > y0 and x1 > x0:
        target = canvas[y0:y1, x0:x1]
        np.maximum(target, ink[y0 - top : y1 - top, x0 - left : x1 - left], out=target)
