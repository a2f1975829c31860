"""The texts and fonts (handwriting, print, typewriter) from which documents are rendered."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Sequence, Tuple

from document_sheet import Face, Stock
from held_out import HELD_OUT_TEXTS, fonts_below
from texts import read_words

from htrlib.synthesis.handwriting import FONT_SUFFIXES

NOT_OF_A_TYPEWRITER = ("kreon", "nanum-gothic")  # of the folder of type: letters of many widths


def load_stock(fonts: Path, texts: Path, *, validation: bool = False) -> Stock:
    """Load the fonts and texts for training, or those for validation.

    Args:
        fonts: folder with "hand", "print" and "type", filled by `gather_fonts.py`.
        texts: folder of text files.
    """
    files = sorted(texts.glob("*.txt"))
    wanted = [path for path in files if (path.stem in HELD_OUT_TEXTS) == validation]
    return Stock(
        read_words(wanted),
        fonts_below(fonts / "hand", kept=validation),
        _faces(fonts / "print", "printed", validation),
        _faces(fonts / "type", "typewritten", validation),
    )


def _faces(folder: Path, kind: str, validation: bool) -> Sequence[Face]:
    paths: Tuple[Path, ...] = tuple(
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix in FONT_SUFFIXES and not path.name.startswith(NOT_OF_A_TYPEWRITER)
    )
    return [Face(str(path), kind) for path in paths if _is_held_out(path) == validation]


def _is_held_out(path: Path) -> bool:
    """Return whether a font is for validation, as one in eight families is."""
    family = path.stem.split("-")[0].lower()
    return hashlib.sha256(family.encode()).digest()[0] < 32
