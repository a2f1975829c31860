"""Pages of handwriting, drawn in the bundled fonts."""

from __future__ import annotations

from typing import List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.document.geometry import Box
from htrlib.synthesis.handwriting import BUNDLED_FONTS, HandwritingStyle, draw_line, load_fonts

Lines = List[Tuple[str, Box]]


def written_page(texts: Sequence[str], seed: int) -> Tuple[NDArray[np.uint8], Lines]:
    """A page (H, W) uint8, and its lines' texts and boxes; the seed chooses the handwriting."""
    fonts = load_fonts(BUNDLED_FONTS, sorted(set("".join(texts))))
    rng = np.random.default_rng(seed)
    page = np.full((150 + 115 * len(texts), 1000), 250.0)
    lines = []
    for number, text in enumerate(texts):
        drawn = draw_line(text, fonts[seed % len(fonts)], 70, rng, HandwritingStyle())
        height, width = drawn.ink.shape
        left, top = 60, 120 + 115 * number - drawn.baseline
        page[top : top + height, left : left + width] -= 0.8 * drawn.ink
        lines.append((text, Box(left, top, left + width, top + height)))
    return page.astype(np.uint8), lines
