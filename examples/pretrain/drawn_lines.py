"""The sources of rendered lines for the recognizer, by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Dict, List, Mapping, Sequence

import numpy as np
from hand_source import HandSource
from held_out import HELD_OUT_TEXTS, fonts_below
from line_source import Drawing
from line_store import CutLine
from print_source import PrintSource
from print_texts import PrintTexts
from texts import CHARACTERS, folded, read_words

NOT_FRENCH = ("csafe", "inkbench", "lecrep")  # the last is lists of names and dates
KINDS = ("hand", "print", "type")


def french_words(real: Mapping[str, Sequence[CutLine]]) -> List[str]:
    """Return the words of French `train` lines in order, without the consent that many copied."""
    return [
        word
        for name, lines in real.items()
        if name not in NOT_FRENCH and not name.endswith("-found")
        for line in lines
        if not line.consent
        for word in line.text.split()
    ]


def english_words(texts: Path, held: bool) -> List[str]:
    """Return the words of a folder of books, of those held out or of the others."""
    books = sorted(texts.glob("*.txt"))
    return read_words([book for book in books if (book.stem in HELD_OUT_TEXTS) == held])


def transcript_words(path: Path) -> List[str]:
    """Return the words of the transcripts of `train` pages; none if the file is missing."""
    if not path.exists():
        return []
    pages = json.loads(path.read_text(encoding="utf-8")).values()
    texts = (folded(page["transcript"]) for page in pages if page["split"] == "train")
    return [word for text in texts for word in text.split() if set(word) <= set(CHARACTERS)]


def drawings(
    fonts: Path, english: Sequence[str], french: Sequence[str], letters: Sequence[str], held: bool
) -> Dict[str, Drawing]:
    """Return the functions that draw a line of handwriting, print and typescript.

    Args:
        fonts: folder with `hand`, `print` and `type`.
        english, french: words of running text.
        letters: English words of old letters.
        held: use the held-out fonts.
    """
    faces = {kind: fonts_below(fonts / kind, kept=held) for kind in KINDS}
    printed = PrintTexts(english, french, letters)
    return {
        "hand": HandSource(faces["hand"], [*english, *letters], french),
        "print": PrintSource(faces["print"], printed, typed=False),
        "type": PrintSource(faces["type"], printed, typed=True),
    }


def drawn(drawing: Drawing, count: int, seed: int) -> List[CutLine]:
    """Draw lines that are the same in every run."""
    rng = np.random.default_rng(seed)
    return [CutLine(ink | 1, text, "") for ink, text in (drawing(rng) for _ in range(count))]
