"""Convert text files to plain running text, as in handwriting."""

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
    """Replace typographic quotes, dashes and dots by plain ones, in Unicode form NFC.

    >>> plain_characters("“It’s late…”")
    '"It\\'s late..."'
    """
    return unicodedata.normalize("NFC", text).translate(_PLAIN)


def paragraphs(text: str) -> Tuple[str, ...]:
    """Join the wrapped lines of each paragraph; blank lines separate paragraphs.

    >>> paragraphs("A first\\nparagraph.\\n\\nAnother.")
    ('A first paragraph.', 'Another.')
    """
    pieces = (" ".join(piece.split()) for piece in re.split(r"\n\s*\n", text))
    return tuple(piece for piece in pieces if piece)


def read_paragraphs(path: Path) -> Tuple[str, ...]:
    """Read the paragraphs of a UTF-8 text file.

    Raises:
        LanguageModelError: the file is missing, is not text, or is empty.
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
        raise LanguageModelError(f"{path} contains no text")
    return pieces
