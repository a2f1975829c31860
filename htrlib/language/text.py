"""Bring text files to the running text that handwriting has."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Tuple

from htrlib.errors import LanguageModelError

_PLAIN = str.maketrans(
    {
        "‘": "'",
        "’": "'",
        "‚": "'",
        "‛": "'",
        "“": '"',
        "”": '"',
        "„": '"',
        "′": "'",
        "″": '"',
        "–": "-",
        "—": "--",
        "―": "--",
        "‐": "-",
        "‑": "-",
        "…": "...",
        "\ufeff": "",
        "\u00ad": "",
    }
)


def plain_characters(text: str) -> str:
    """Typographic quotes, dashes and dots as a typewriter has them, in Unicode form NFC.

    >>> plain_characters("“It’s late…”")
    '"It\\'s late..."'
    """
    return unicodedata.normalize("NFC", text).translate(_PLAIN)


def paragraphs(text: str) -> Tuple[str, ...]:
    """The paragraphs of a text whose lines are wrapped, each on one line.

    Blank lines part paragraphs.

    >>> paragraphs("A first\\nparagraph.\\n\\nAnother.")
    ('A first paragraph.', 'Another.')
    """
    pieces = (" ".join(piece.split()) for piece in re.split(r"\n\s*\n", text))
    return tuple(piece for piece in pieces if piece)


def read_paragraphs(path: Path) -> Tuple[str, ...]:
    """The paragraphs of a text file in UTF-8.

    Raises:
        LanguageModelError: the file is missing, not text, or holds none.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise LanguageModelError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise LanguageModelError(
            f"{path} is not text in UTF-8 (byte {error.start}); convert it first"
        ) from None
    pieces = paragraphs(plain_characters(text))
    if not pieces:
        raise LanguageModelError(f"{path} holds no text")
    return pieces
