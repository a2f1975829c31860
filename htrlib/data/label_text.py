"""Normalize the texts of labels; find invisible characters in them, and their direction."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import Tuple

_VISIBLE_FORMATS = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
"""Unicode format characters that are visible: they enclose a number or an abbreviation."""

_INVISIBLE_MARKS = frozenset(
    (
        *"\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0",  # joiners and fillers
        *map(chr, range(0x180B, 0x1810)),  # Mongolian selectors
        *map(chr, range(0xFE00, 0xFE10)),  # variation selectors
        *map(chr, range(0xE0100, 0xE01F0)),
    )
)


def clean_text(text: str) -> str:
    """Convert to Unicode form NFC, fold white space to single spaces, drop invisible characters.

    >>> clean_text("  a\\n\\tb\\x00 so\\u00adft ")
    'a b soft'
    """
    kept = "".join(c for c in text if c.isspace() or _is_character(c))
    return unicodedata.normalize("NFC", " ".join(kept.split()))


def invisible_characters(text: str) -> Tuple[str, ...]:
    """Return the names of soft hyphens, zero-width characters and direction marks in a text.

    >>> invisible_characters("so\\u00adft")
    ('U+00AD SOFT HYPHEN',)
    """
    found = sorted({symbol for symbol in text if _is_invisible(symbol)})
    return tuple(f"U+{ord(symbol):04X} {unicodedata.name(symbol, '')}".strip() for symbol in found)


def is_right_to_left(text: str) -> bool:
    """Return whether most letters of a text are of a script that is written from right to left.

    >>> is_right_to_left("\u05d0\u05d7\u05d3 2")
    True
    """
    classes = Counter(map(unicodedata.bidirectional, text))
    return classes["R"] + classes["AL"] > classes["L"]


def _is_character(symbol: str) -> bool:
    """Return whether a character is visible: not a control, surrogate or unassigned one."""
    return (
        unicodedata.category(symbol) not in ("Cc", "Cs")
        and symbol not in "\ufffe\uffff"
        and not _is_invisible(symbol)
    )


def _is_invisible(symbol: str) -> bool:
    return symbol in _INVISIBLE_MARKS or (
        unicodedata.category(symbol) == "Cf" and symbol not in _VISIBLE_FORMATS
    )
