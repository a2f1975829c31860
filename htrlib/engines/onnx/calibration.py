"""Rendered pages and their lines: what networks see while the ranges of int8 are measured.

They are made of the fonts that the library brings along and of words drawn at random, so no one's
texts or pages leave a trace in a bundle.
"""

from __future__ import annotations

from typing import List, NamedTuple, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.document.geometry import Box
from htrlib.document.results import TextLine
from htrlib.images.line_strips import cut_line, line_strip
from htrlib.images.regions import cut_region, page_ink
from htrlib.synthesis.handwriting import BUNDLED_FONTS, load_fonts
from htrlib.synthesis.pages import PageConfig, SyntheticPage, render_pages

PAGES = 8
PAGE_AREA = 600_000.0  # pixels of a page that a labeler sees, about
LINES_OF_PAGE = 10  # of each kind, at most
SMALL_LETTERS = 0.8  # share of words of small Latin letters alone
WORDS = 1500
SEED = 0

Ink = NDArray[np.uint8]


class CalibrationInks(NamedTuple):
    """What networks see.

    Attributes:
        pages: (H, W) uint8 each, 0 is paper; sides are multiples of 64.
        lines: (height, W) uint8 each, 0 is paper.
    """

    pages: Tuple[Ink, ...]
    lines: Tuple[Ink, ...]


def calibration_inks(symbols: Sequence[str], height: int) -> CalibrationInks:
    """Pages with handwriting and print, and lines of both.

    Args:
        symbols: what the recognizer writes.
        height: of the lines in pixels.
    """
    characters = [symbol for symbol in symbols if len(symbol) == 1 and not symbol.isspace()]
    fonts = load_fonts(BUNDLED_FONTS, characters)
    config = PageConfig(width=(700, 1700))
    pages = list(render_pages(PAGES, fonts, _words(characters), SEED, config))
    lines = [ink for page in pages for ink in _lines(page, height)]
    return CalibrationInks(tuple(_ink(page.image) for page in pages), tuple(lines))


def _words(characters: Sequence[str]) -> List[str]:
    rng = np.random.default_rng(SEED)
    small = [one for one in characters if one.isascii() and one.islower()] or list(characters)
    return [
        "".join(rng.choice(small if rng.random() < SMALL_LETTERS else characters, size))
        for size in rng.integers(1, 11, WORDS)
    ]


def _lines(page: SyntheticPage, height: int) -> List[Ink]:
    written = [line.line for line in page.lines[:LINES_OF_PAGE]]
    printed = [TextLine(box) for box in page.printed[:LINES_OF_PAGE] if box.width > 3 * box.height]
    return [
        cut_line(page.image, line_strip(line), height, line.polygon) for line in written + printed
    ]


def _ink(page: NDArray[np.uint8]) -> Ink:
    height, width = page.shape
    scale = min(1.0, (PAGE_AREA / page.size) ** 0.5)
    ink = page_ink(cut_region(page, Box(0, 0, width, height), scale).gray)
    return np.pad(ink, ((0, -ink.shape[0] % 64), (0, -ink.shape[1] % 64)))
