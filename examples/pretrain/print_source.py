"""Draw printed and typewritten lines from fonts, and degrade them as on old paper.

A line is drawn and degraded at the resolution of a scan (x-height of 7 to 30 pixels), and then
scaled as `cut_lines` cuts real lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import List, Protocol, Sequence, Tuple

import numpy as np
from line_store import HEIGHT, SOURCE_MARGIN
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from print_wear import Floats, wear

from htrlib.synthesis.handwriting import HandwritingFont

Ink = NDArray[np.uint8]
SMALLEST, LARGEST = 7.0, 26.0  # pixels of the letter x
LINE = HEIGHT / (1 + 2 * SOURCE_MARGIN)  # rows of the line in a cut


@lru_cache(maxsize=1024)
def _face(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size)


class Texts(Protocol):
    """Draws the text of a line, as `PrintTexts` does."""

    def line(self, rng: np.random.Generator, longest: int) -> str:
        """Return a line of 1 to `longest` words."""


@dataclass(frozen=True)
class Press:
    """Variation of a press or a typewriter; lengths are fractions of the font's size.

    Attributes:
        by_letter: True if letters are struck one by one.
        lift: standard deviation of a letter's height.
        sway: standard deviation of a letter's position along the line.
        uneven: variation of the letters' darkness.
        space: width of the gap between words, as a multiple of the font's.
        track: extra gap between letters.
    """

    by_letter: bool
    lift: float = 0.0
    sway: float = 0.0
    uneven: float = 0.0
    space: float = 1.0
    track: float = 0.0

    @classmethod
    def typewriter(cls, rng: np.random.Generator) -> Press:
        return cls(
            True,
            lift=rng.uniform(0, 0.035),
            sway=rng.uniform(0, 0.03),
            uneven=rng.uniform(0, 0.5),
        )

    @classmethod
    def type_setter(cls, rng: np.random.Generator) -> Press:
        wide = rng.random() < 0.1
        return cls(
            wide or rng.random() < 0.1,
            lift=rng.uniform(0, 0.01),
            uneven=rng.uniform(0, 0.15),
            space=rng.uniform(0.75, 2.0),
            track=rng.uniform(0.05, 0.25) if wide else 0.0,
        )


class PrintSource:
    """Draws printed lines, or with `typed` typewritten ones."""

    def __init__(self, fonts: Sequence[HandwritingFont], texts: Texts, typed: bool) -> None:
        self._fonts, self._texts, self._typed = fonts, texts, typed

    def __call__(self, rng: np.random.Generator) -> Tuple[Ink, str]:
        text, font = "", self._fonts[0]
        while not text:
            font = self._fonts[int(rng.integers(len(self._fonts)))]
            text = self._texts.line(rng, 14)
            text = text if font.covers(text) else ""
        pixels = float(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST))))
        size = max(9, round(pixels / font.x_height))
        press = Press.typewriter(rng) if self._typed else Press.type_setter(rng)
        canvas, base = self._page(text, font, size, press, rng)
        worn = wear(canvas, pixels, rng)
        return _cut(worn, base, size, font, text, rng), text

    def _page(
        self, text: str, font: HandwritingFont, size: int, press: Press, rng: np.random.Generator
    ) -> Tuple[Floats, int]:
        """Draw the line with its surroundings, ink from 0 to 1; return it and its baseline."""
        face = _face(font.path, size)
        shown = _with_curly_quotes(text, font) if not self._typed and rng.random() < 0.6 else text
        width = int(_length(shown, face, size, press)) + 2 * size
        rows = round(2.6 * size)
        base = round(1.65 * size)
        canvas = Image.new("L", (width, rows))
        left = size // 2 + int(rng.integers(0, size // 2 + 1))
        end = _set(canvas, shown, face, size, (left, base), press, rng)
        canvas = canvas.crop((0, 0, min(width, int(end) + int(rng.uniform(0.1, 0.8) * size)), rows))
        draw = ImageDraw.Draw(canvas)
        if rng.random() < 0.5:  # neighbors whose long letters reach in
            leading = size * rng.uniform(1.0, 1.6)
            for side in (-1, 1):
                if rng.random() < 0.7:
                    other = self._texts.line(rng, 12)
                    other = other if font.covers(other) else text
                    start = int(rng.integers(-size, size))
                    draw.text(
                        (start, base + side * leading), other, fill=230, font=face, anchor="ls"
                    )
        self._rules(draw, canvas.size, (left, int(end)), base, size, rng)
        return np.asarray(canvas, np.float32) / 255.0, base

    def _rules(
        self,
        draw: ImageDraw.ImageDraw,
        page: Tuple[int, int],
        ends: Tuple[int, int],
        base: int,
        size: int,
        rng: np.random.Generator,
    ) -> None:
        """Draw underlines, ruled lines and the sides of tables."""
        thick = max(1, round(size * rng.uniform(0.02, 0.07)))
        chance = rng.random()
        if chance < 0.06:
            first = int(rng.integers(ends[0], max(ends[0] + 1, ends[1] - size)))
            y = base + round(size * rng.uniform(0.08, 0.22))
            draw.line((first, y, ends[1], y), fill=int(rng.integers(140, 256)), width=thick)
        elif chance < 0.11:
            y = base + round(size * rng.uniform(-0.1, 0.35))
            draw.line((0, y, page[0], y), fill=int(rng.integers(60, 220)), width=thick)
        elif chance < 0.14:
            x = int(rng.choice([ends[0] - size // 4, ends[1] + size // 5]))
            draw.line((x, 0, x, page[1]), fill=int(rng.integers(80, 256)), width=thick)


def _with_curly_quotes(text: str, font: HandwritingFont) -> str:
    out: List[str] = []
    for at, character in enumerate(text):
        opens = at == 0 or text[at - 1] in " (-—"
        character = {'"': "“" if opens else "”", "'": "‘" if opens else "’"}.get(
            character, character
        )
        out.append(character)
    curly = "".join(out)
    return curly if font.covers(curly) else text


def _length(text: str, face: ImageFont.FreeTypeFont, size: int, press: Press) -> float:
    gaps = text.count(" ") * (press.space - 1.0) * face.getlength(" ")
    return (
        float(face.getlength(text) * 1.1 + max(0.0, gaps) + press.track * size * len(text)) + size
    )


def _set(
    canvas: Image.Image,
    text: str,
    face: ImageFont.FreeTypeFont,
    size: int,
    origin: Tuple[int, int],
    press: Press,
    rng: np.random.Generator,
) -> float:
    """Set the text with its baseline starting at `origin`; returns the column where it ends."""
    draw = ImageDraw.Draw(canvas)
    x, y = float(origin[0]), origin[1]
    space = face.getlength(" ") * press.space
    dark = 255.0
    for word in text.split(" "):
        pieces = list(word) if press.by_letter else [word]
        for piece in pieces:
            dark = 0.6 * dark + 0.4 * 255.0 * (1.0 - press.uneven * rng.random())
            at = (
                x + press.sway * size * rng.standard_normal(),
                y + press.lift * size * rng.standard_normal(),
            )
            draw.text(at, piece, fill=int(dark), font=face, anchor="ls")
            x += face.getlength(piece) + press.track * size
        x += space
    return x - space


def _cut(
    ink: Floats, base: int, size: int, font: HandwritingFont, text: str, rng: np.random.Generator
) -> Ink:
    """The rows around the line, resized to `HEIGHT`, as a segmenter's polygon would cut it."""
    ascent, descent = font.ascent * size, font.descent * size
    if rng.random() < 0.7:  # outlines follow the ink: short letters alone are cut lower
        if not any(c in "gjpqyçQ,;()[]" for c in text):
            descent = 0.2 * ascent
        if all(c in "acemnorsuvwxz.,- " for c in text):
            ascent = font.x_height * size
            descent = 0.2 * ascent
    ascent *= rng.uniform(0.92, 1.25)
    descent *= rng.uniform(0.8, 1.3)
    line = ascent + descent
    top = round(base - ascent - SOURCE_MARGIN * line)
    bottom = round(base + descent + SOURCE_MARGIN * line)
    padded = np.pad(ink, ((max(0, -top), max(0, bottom - ink.shape[0])), (0, 0)))
    rows = padded[max(0, top) : max(0, top) + bottom - top]
    if rng.random() < 0.6:  # masked by the line's outline
        keep = 0.06 * line
        rows = rows.copy()
        rows[: max(0, round(SOURCE_MARGIN * line - keep))] = 0
        rows[round(rows.shape[0] - SOURCE_MARGIN * line + keep) :] = 0
    strongest = max(float(np.percentile(rows, 98.5)), 0.15)
    values = np.clip(rows * (255.0 / strongest), 0, 255).astype(np.uint8)
    width = max(8, round(values.shape[1] * HEIGHT / values.shape[0]))
    return np.asarray(Image.fromarray(values).resize((width, HEIGHT), Image.Resampling.BILINEAR))
