"""Draw words and lines of handwriting from fonts, as ink."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import FrozenSet, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFont

from htrlib.document.geometry import Box
from htrlib.errors import DatasetError

BUNDLED_FONTS = Path(__file__).parent / "fonts"
FONT_SUFFIXES = (".woff", ".ttf", ".otf")
_TALL_AND_DEEP = "bdfhklgpqyABDLT"
_PROBE_SIZE = 64
_ANY_INK = [0] + [255] * 255


@dataclass(frozen=True)
class HandwritingFont:
    """A handwriting font, its measures and characters.

    Attributes:
        path: path of the font file, in any format that FreeType reads.
        ascent: height of tall letters above the baseline, as a fraction of the font size.
        descent: depth of deep letters below the baseline, as a fraction of the font size.
        x_height: height of small letters, as a fraction of the font size.
        characters: requested characters that the font can draw.
    """

    path: Path
    ascent: float
    descent: float
    x_height: float
    characters: frozenset[str]

    def covers(self, text: str) -> bool:
        """Return whether the font can draw every character of a text."""
        return all(character in self.characters or character == " " for character in text)


def load_fonts(folder: Path, characters: Sequence[str]) -> Tuple[HandwritingFont, ...]:
    """Load all fonts below a folder, sorted by name.

    Raises:
        DatasetError: there is no font.
    """
    paths = sorted(path for path in Path(folder).rglob("*") if path.suffix in FONT_SUFFIXES)
    if not paths:
        raise DatasetError(
            f"no font found below {folder}; expected files ending in {', '.join(FONT_SUFFIXES)}"
        )
    return tuple(_probe(path, characters) for path in paths)


def _probe(path: Path, characters: Sequence[str]) -> HandwritingFont:
    font = ImageFont.truetype(str(path), _PROBE_SIZE)
    missing = bytes(font.getmask("\uffff"))
    drawn = frozenset(
        character
        for character in characters
        if character != " " and bytes(font.getmask(character)) not in (missing, b"")
    )
    _, top, _, bottom = font.getbbox(_TALL_AND_DEEP, anchor="ls")
    small = -font.getbbox("aemnou", anchor="ls")[1]
    return HandwritingFont(
        path, -top / _PROBE_SIZE, bottom / _PROBE_SIZE, small / _PROBE_SIZE, drawn
    )


@lru_cache(maxsize=512)
def _sized(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size)


@dataclass(frozen=True)
class HandwritingStyle:
    """Variation of a handwriting style around its font; lengths are fractions of line height.

    Attributes:
        space: mean width of the gap between words.
        space_jitter: standard deviation of that gap.
        word_lift: standard deviation of a word's height above the baseline.
        word_size: standard deviation of a word's size, as a fraction of it.
        letter_lift: standard deviation of a letter's height above its word's baseline; above 0,
            words are drawn letter by letter.
        letter_space: mean extra gap between letters, where they are drawn one by one.
        small_capitals: small letters, without accents, that are drawn as capitals; above none,
            words are drawn letter by letter.
        capital_size: height of these capitals, as a multiple of the height of small letters.
    """

    space: float = 0.25
    space_jitter: float = 0.05
    word_lift: float = 0.015
    word_size: float = 0.03
    letter_lift: float = 0.0
    letter_space: float = 0.0
    small_capitals: FrozenSet[str] = frozenset()
    capital_size: float = 1.2

    def shape(self, letter: str) -> str:
        """Return the character whose shape stands for a letter."""
        plain = unicodedata.normalize("NFD", letter)[0]
        capital = letter.upper()
        return capital if plain in self.small_capitals and len(capital) == 1 else letter

    @classmethod
    def random(cls, rng: np.random.Generator) -> HandwritingStyle:
        """Draw a random style."""
        by_letter = rng.random() < 0.25
        return cls(
            space=rng.uniform(0.14, 0.5),
            space_jitter=rng.uniform(0.01, 0.12),
            word_lift=rng.uniform(0.0, 0.05),
            word_size=rng.uniform(0.0, 0.07),
            letter_lift=rng.uniform(0.005, 0.03) if by_letter else 0.0,
            letter_space=rng.uniform(-0.01, 0.06) if by_letter else 0.0,
        )


@dataclass(frozen=True, eq=False)
class DrawnLine:
    """A line of handwriting as ink, not yet placed on paper.

    Attributes:
        ink: (H, W) uint8, 0 is paper and 255 is ink.
        words: (H, W) uint8, 0 is paper, k is ink of the k-th word, counted from 1 (255 from the
            255th word on).
        baseline: row of the baseline in `ink`.
        word_boxes: bounds of the words' ink, in pixels of `ink`.
        text: text of the line.
    """

    ink: NDArray[np.uint8]
    words: NDArray[np.uint8]
    baseline: int
    word_boxes: Tuple[Box, ...]
    text: str


def line_width(text: str, font: HandwritingFont, height: float, style: HandwritingStyle) -> float:
    """Estimate the width in pixels of a text drawn by :func:`draw_line`."""
    face = _sized(font.path, max(6, round(height / (font.ascent + font.descent))))
    words = text.split()
    letters = face.getlength("".join(words)) + style.letter_space * height * sum(map(len, words))
    return float(letters + max(0.08, style.space) * height * (len(words) - 1))


def draw_line(
    text: str,
    font: HandwritingFont,
    height: float,
    rng: np.random.Generator,
    style: Optional[HandwritingStyle] = None,
) -> DrawnLine:
    """Draw a line of handwriting.

    Args:
        text: words separated by single spaces.
        font: font that covers the text.
        height: height from the top of tall letters to the bottom of deep ones, in pixels.
        style: variation around the font; drawn from `rng` by default.
    Raises:
        DatasetError: the font lacks a character of the text, or there is no word.
    """
    style = style or HandwritingStyle.random(rng)
    text = _drawable(text, font, style)
    size = height / (font.ascent + font.descent)
    margin = int(height)
    room = int(sum(len(word) + 2 for word in text.split(" ")) * height * 1.5) + 4 * margin
    canvas = Image.new("L", (room, round(height) + 2 * margin))
    numbers = Image.new("L", canvas.size)
    draw = ImageDraw.Draw(canvas)
    baseline = margin + round(height * font.ascent / (font.ascent + font.descent))
    x = float(margin)
    boxes: List[Box] = []
    for number, word in enumerate(text.split(" "), 1):
        word_size = max(6, round(size * (1.0 + style.word_size * rng.standard_normal())))
        lift = style.word_lift * height * rng.standard_normal()
        left = max(0, int(x) - margin)
        around = (left, 0, left + int((len(word) + 1) * height * 1.5) + margin, canvas.height)
        before = canvas.crop(around)
        x = _draw_word(draw, word, font, word_size, (x, baseline - lift), height, style, rng)
        added = ImageChops.difference(canvas.crop(around), before).point(_ANY_INK)
        numbers.paste(min(number, 255), around, added)
        bounds = added.getbbox()
        if bounds is not None:
            boxes.append(Box(*map(float, bounds)).shifted(around[0], 0))
        x += max(0.08, rng.normal(style.space, style.space_jitter)) * height
    extent = canvas.getbbox()
    if extent is None:
        raise DatasetError(f"the font {font.path.name} drew nothing for {text!r}")
    left, top = extent[:2]
    ink, words = np.asarray(canvas.crop(extent)), np.asarray(numbers.crop(extent))
    shifted = tuple(box.shifted(-left, -top) for box in boxes)
    return DrawnLine(ink, words, baseline - top, shifted, text)


def _drawable(text: str, font: HandwritingFont, style: HandwritingStyle) -> str:
    """Return the words of a text, separated by single spaces, or raise DatasetError."""
    text = " ".join(text.split())
    if not text or not font.covers("".join(map(style.shape, text))):
        raise DatasetError(
            f"the font {font.path.name} cannot draw {text!r}; check with HandwritingFont.covers"
        )
    return text


def _draw_word(
    draw: ImageDraw.ImageDraw,
    word: str,
    font: HandwritingFont,
    size: int,
    origin: Tuple[float, float],
    height: float,
    style: HandwritingStyle,
    rng: np.random.Generator,
) -> float:
    """Draw a word with its baseline starting at `origin`; return the column where it ends."""
    face = small = _sized(font.path, size)
    if style.small_capitals:
        share = min(1.0, style.capital_size * font.x_height / font.ascent)
        small = _sized(font.path, max(6, round(share * size)))
    x, y = origin
    pieces = list(word) if style.letter_lift > 0 or style.small_capitals else [word]
    for piece in pieces:
        at = (x, y + style.letter_lift * height * rng.standard_normal() * (len(pieces) > 1))
        shape = style.shape(piece) if len(piece) == 1 else piece
        used = face if shape == piece else small
        draw.text(at, shape, fill=255, font=used, anchor="ls")
        x += used.getlength(shape) + style.letter_space * height
    return x
