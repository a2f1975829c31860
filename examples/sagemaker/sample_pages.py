"""Sample pages to label: a notebook in handwriting that leans far to the left.

The model of the package reads this hand badly, so the walk has something to teach it.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Iterator, List, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.document.geometry import Box
from htrlib.synthesis.handwriting import BUNDLED_FONTS, HandwritingStyle, draw_line, load_fonts
from htrlib.synthesis.placement import Placement, place

WIDTH, LEADING, MARGIN, HEIGHT_OF_WRITING = 760, 84, 70, 66
LEAN = -1.0  # letters go as far to the left as they rise
FONT = "shadows"
STYLE = HandwritingStyle(space=0.3, space_jitter=0.03, word_lift=0.012, word_size=0.02)

TEXT = """
March 2. The ground is still hard. I cut the hedge, burned what was dry and found the old spade
behind the shed, rusty but sound. Anna wants beans by the wall again; I would rather have roses
there. We shall see who gets up first.

March 9. Rain for three days: the barrel is full and so is the cellar. Sowed lettuce under glass,
two rows, and one of radishes. The cat slept on both. Wrote to Mr. Holm about the plum tree.

March 17. A warm wind at last. Turned the long bed, sixteen steps, and stopped twice for my back.
Saw the first bee at noon. Holm writes that the plum has to wait until October, which I knew.

March 26. Frost in the night, down to 4 below. Covered what I could with straw and sacks. The
peas are black, the rest may live. Anna says nothing, and has bought more beans.

April 5. Planted potatoes: five rows of the early kind, three of the red. The boys next door
helped for a shilling each, and ate more than that. Swallows over the barn since yesterday.

April 14. Everything grows, above all the weeds. Hoed from six until ten. Found a coin from the
year 1887 between the onions; it is washed and lies on the kitchen shelf.

April 23. The pear is in bloom, every branch of it white. I sat below it for an hour and did no
work at all. In the evening we moved the bench there, so that it may happen again.

May 1. Beans by the wall, then. She was up first. I have set one rose at the corner, where the
gutter drips, and nobody has said a word about it so far.
"""


@dataclass(frozen=True, eq=False)
class SamplePage:
    """A page with its texts and their positions.

    Attributes:
        image: (H, W) uint8, 0 is black.
        lines: each line's text, and the box of its ink.
    """

    image: NDArray[np.uint8]
    lines: Tuple[Tuple[str, Box], ...]


def sample_pages() -> Iterator[SamplePage]:
    """The pages of the notebook; the same ones each time."""
    faces = load_fonts(BUNDLED_FONTS, sorted(set("".join(TEXT.split()))))
    (face,) = (face for face in faces if face.path.name.startswith(FONT))
    for number, entry in enumerate(TEXT.strip().split("\n\n")):
        rng = np.random.default_rng(number)
        rows = textwrap.wrap(entry.replace("\n", " "), 30)
        height = 2 * MARGIN + LEADING * len(rows)
        ink = np.zeros((height, WIDTH), np.uint8)
        lines: List[Tuple[str, Box]] = []
        for row, text in enumerate(rows):
            drawn = draw_line(text, face, HEIGHT_OF_WRITING, rng, STYLE)
            base = MARGIN + LEADING * (row + 0.7)
            at = Placement(MARGIN + rng.normal(0, 6), base, slant=LEAN)
            piece = place(drawn.ink, drawn.baseline, at)
            if piece is None or not piece.fits(WIDTH, height):
                raise ValueError(f"{text!r} does not fit the page")
            piece.draw_on(ink)
            lines.append((text, piece.box))
        page = np.round((244 - 204 * (ink / 255)) / 17) * 17
        yield SamplePage(page.astype(np.uint8), tuple(lines))
