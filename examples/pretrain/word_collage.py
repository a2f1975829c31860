"""Draw lines of real handwriting with new text: words of one page in another order.

Where few texts were copied by many writers, the recognizer learns these texts by heart, and its
LSTMs read them where they are not. A collage has the ink of one hand, and text that no page has.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np
from line_store import CutLine, load
from numpy.typing import NDArray

Ink = NDArray[np.uint8]
LONGEST_RUN = 4  # pieces that stay together
SIMILAR = 1.35  # ratio of the widths of a letter of two pieces, at most: lines are cut at all sizes
MOST_TRIES = 40  # pieces tried for a line
SHIFT = 3  # rows that a piece moves up or down, at most
LARGEST_GAP = 24  # columns added between pieces, at most


class Page(NamedTuple):
    """The lines of one page that can be cut, and the pieces of each."""

    lines: Sequence[CutLine]
    pieces: Sequence[Sequence[Tuple[int, int, str]]]


class WordCollage:
    """Draws lines from the pages of one collection."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self._pages = pages

    def __bool__(self) -> bool:
        return bool(self._pages)

    def __call__(self, rng: np.random.Generator) -> Tuple[Ink, str]:
        """Return (HEIGHT, W) ink, of which the lowest bit is set inside outlines, and its text."""
        page = self._pages[int(rng.integers(len(self._pages)))]
        widest = max(line.ink.shape[1] for line in page.lines)
        wanted = widest * rng.uniform(0.3, 1.0)
        parts: List[Ink] = []
        words: List[str] = []
        width, letter = 0, 0.0
        for _ in range(MOST_TRIES):
            if width >= wanted:
                break
            at = int(rng.integers(len(page.lines)))
            pieces = page.pieces[at]
            first = int(rng.integers(len(pieces)))
            run = pieces[first : first + int(rng.integers(1, LONGEST_RUN + 1))]
            text = " ".join(piece[2] for piece in run)
            wide = (run[-1][1] - run[0][0]) / len(text)
            letter = letter or wide
            if not letter / SIMILAR < wide < letter * SIMILAR:
                continue
            ink = np.ascontiguousarray(page.lines[at].ink[:, run[0][0] : run[-1][1]])
            if width and width + ink.shape[1] > widest:
                break
            ink = np.roll(ink, int(rng.integers(-SHIFT, SHIFT + 1)), axis=0)
            parts += [ink, np.zeros((ink.shape[0], int(rng.integers(0, LARGEST_GAP))), np.uint8)]
            words.append(text)
            width += ink.shape[1]
        return np.concatenate(parts[:-1], axis=1), " ".join(words)


def collages(folder: Path, names: Sequence[str]) -> Dict[str, WordCollage]:
    """Return collection -> its collage, for those whose words `find_words` has found."""
    made = {}
    for name in names:
        places = folder / f"{name}_train.words.json"
        if places.exists():
            pieces = json.loads(places.read_text(encoding="utf-8"))
            made[name] = WordCollage(_pages(load(folder / f"{name}_train"), pieces))
    return {name: collage for name, collage in made.items() if collage}


def _pages(
    lines: Sequence[CutLine], pieces: Sequence[Sequence[Tuple[int, int, str]]]
) -> List[Page]:
    """Pages with at least two lines that can be cut."""
    by_page: Mapping[str, List[int]] = defaultdict(list)
    for number, line in enumerate(lines):
        if len(pieces[number]) > 1:
            by_page[line.page].append(number)
    return [
        Page([lines[n] for n in numbers], [pieces[n] for n in numbers])
        for numbers in by_page.values()
        if len(numbers) > 1
    ]
