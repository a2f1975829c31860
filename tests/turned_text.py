"""Pages with text at a right angle to the rest, drawn in the bundled fonts."""

from __future__ import annotations

from typing import Sequence

import numpy as np
from numpy.typing import NDArray

from htrlib.synthesis.handwriting import BUNDLED_FONTS, HandwritingStyle, draw_line, load_fonts
from tests.written_pages import written_page

BODY = (
    "We left the harbor before dawn",
    "the wind was fair until noon",
    "it turned to the north and we",
    "had to take in sail and wait",
    "for the weather to change and",
    "a breeze brought us near home",
)
NOTE = "my brother sends his love to all of you"
MARGIN = 300


def page_with_note(quarter_turns: int, notes: Sequence[str] = (NOTE,)) -> NDArray[np.uint8]:
    """A page (H, W) uint8 with notes on the left, upright after the given quarter turns."""
    page = np.pad(written_page(BODY, 0)[0], ((0, 0), (MARGIN, 0)), constant_values=250)
    fonts = load_fonts(BUNDLED_FONTS, sorted(set("".join(notes))))
    rng = np.random.default_rng(5)
    for number, text in enumerate(notes):
        drawn = draw_line(text, fonts[0], 40, rng, HandwritingStyle())
        ink = np.rot90(drawn.ink, -quarter_turns)
        left = 40 + 90 * (number if quarter_turns == 3 else len(notes) - 1 - number)
        part = page[60 : 60 + ink.shape[0], left : left + ink.shape[1]]
        part -= (0.8 * ink[: part.shape[0]]).astype(np.uint8)
    return page
