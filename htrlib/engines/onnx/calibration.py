"""Render pages and lines on which the ranges for int8 are measured.

They are rendered from the included fonts, the text below and random symbols, so that no user's
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
PAGE_AREA = 600_000.0  # approximate pixels of a page for a labeler
LINES_OF_PAGE = 10  # maximum number of inputs of each kind
WORDS = 1500
ANY_SYMBOLS = 0.3  # fraction of words made of random symbols
SEED = 0
TEXT = """
The boat left at six, as on every grey morning, and nobody asked why: "Two of us," he said, "will
stay until Friday." On the 28th we paid 14.50 for bread, salt, oil & candles; the rest (about 370)
is kept for winter. Quick foxes jump over lazy dogs. Chère amie, je vous écris de la côte, où l'été
s'achève déjà : les vergers sont pleins, le blé est rentré, et mon frère garde la maison jusqu'à
Noël. Prenez bien soin de vous. Voilà tout ce que j'avais à dire ; à bientôt !
"""

Ink = NDArray[np.uint8]


class CalibrationInks(NamedTuple):
    """Inputs for calibrating the networks.

    Attributes:
        pages: (H, W) uint8 each, 0 is paper; sides are multiples of 64.
        lines: (height, W) uint8 each, 0 is paper.
    """

    pages: Tuple[Ink, ...]
    lines: Tuple[Ink, ...]


def calibration_inks(symbols: Sequence[str], height: int) -> CalibrationInks:
    """Render pages with handwriting and print, and lines of both.

    Args:
        symbols: symbols of the recognizer; if empty, all text is running text.
        height: height of the lines in pixels.
    """
    words = _words([symbol for symbol in symbols if len(symbol) == 1 and not symbol.isspace()])
    fonts = load_fonts(BUNDLED_FONTS, sorted(set("".join(words))))
    config = PageConfig(width=(700, 1700))
    pages = list(render_pages(PAGES, fonts, words, SEED, config))
    lines = [ink for page in pages for ink in _lines(page, height)]
    return CalibrationInks(tuple(_ink(page.image) for page in pages), tuple(lines))


def _words(characters: Sequence[str]) -> List[str]:
    """Return running text mixed with words of random symbols."""
    rng = np.random.default_rng(SEED)
    text = TEXT.split()
    words = [text[number % len(text)] for number in range(WORDS)]
    if characters:
        for number in np.flatnonzero(rng.random(WORDS) < ANY_SYMBOLS):
            words[number] = "".join(rng.choice(list(characters), rng.integers(1, 11)))
    return words


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
