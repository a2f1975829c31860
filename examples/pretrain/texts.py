"""Texts for synthetic lines: running text, and other content of forms and letters."""

from __future__ import annotations

import re
import string
import unicodedata
from pathlib import Path
from typing import List, Sequence, Tuple

import numpy as np

ASCII = "".join(chr(code) for code in range(32, 127))
LATIN = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜŒŸßàáâãäåæçèéêëìíîïñòóôõöøùúûüÿœ«»‘’“”–—…°€£§½¡¿·"
KIN = {"¼": "½", "¾": "½", "¢": "c", "©": "O", "•": "·", "†": "t", "º": "°"}
"""Symbols that came later: a recognizer without them learns them from what looks like them."""
CHARACTERS = ASCII + LATIN + "".join(KIN)
LONGEST = 10  # words of a phrase

_FOLDED = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "ſ": "s", "─": "—", "\u00a0": " "}
)


def folded(text: str) -> str:
    """Use NFC, straight quotation marks and single spaces, as in handwriting."""
    text = unicodedata.normalize("NFC", text).translate(_FOLDED)
    return re.sub(r"\s+", " ", text).strip()


def read_words(paths: Sequence[Path]) -> List[str]:
    """Return the words of text files in order, with supported characters only."""
    words: List[str] = []
    for path in paths:
        text = folded(path.read_text(encoding="utf-8", errors="replace").replace("_", ""))
        words += [word for word in text.split() if all(c in CHARACTERS for c in word)]
    return words


def in_capitals(text: str) -> bool:
    """Whether most letters of a text, of five at least, are capitals."""
    letters = [character for character in text if character.isalpha()]
    return len(letters) >= 5 and 2 * sum(map(str.isupper, letters)) > len(letters)


def mixed_words(english: Sequence[str], french: Sequence[str], count: int, seed: int) -> List[str]:
    """Return about `count` words: phrases of two languages, and other content of letters and forms.

    Args:
        english: words in the order of running text.
        french: the same.
    """
    rng = np.random.default_rng(seed)
    words: List[str] = []
    while len(words) < count:
        words += phrase(english, french, rng).split()
    return words


def phrase(english: Sequence[str], french: Sequence[str], rng: np.random.Generator) -> str:
    """Return 1 to `LONGEST` words, or other content of letters and forms."""
    count = int(rng.integers(1, LONGEST + 1))
    chance = rng.random()
    if chance < 0.12:
        return " ".join(_oddity(english, rng) for _ in range(max(1, count // 2)))
    words = french if chance < 0.34 else english
    start = int(rng.integers(0, max(1, len(words) - count)))
    picked = list(words[start : start + count])
    style = rng.random()
    if style < 0.09:
        picked = [word.upper() for word in picked]
    elif style < 0.14:
        picked = [word.capitalize() for word in picked]
    elif style < 0.22:
        picked[int(rng.integers(0, len(picked)))] = _oddity(english, rng)
    text = " ".join(picked)
    if rng.random() < 0.03 and len(picked[-1]) > 4:
        text = text[:-3] + "-"
    return text


def _oddity(english: Sequence[str], rng: np.random.Generator) -> str:
    """Return a number, date, amount, abbreviation, code or name."""
    kind = int(rng.integers(0, 9))
    word = english[int(rng.integers(0, len(english)))]
    number = int(10 ** rng.uniform(0, 5))
    day, month, year = rng.integers(1, 32), rng.integers(1, 13), rng.integers(1850, 2030)
    if kind == 0:
        return str(number)
    if kind == 1:
        return f"{day}{rng.choice(list('/.-'))}{month}{rng.choice(list('/.-'))}{year}"
    if kind == 2:
        return f"{rng.choice(['$', '£', '€', ''])}{number:,}.{rng.integers(0, 100):02d}"
    if kind == 3:
        return f"({word.strip('.,;')})"
    if kind == 4:
        return str(
            rng.choice(["Mr.", "Mrs.", "Dr.", "No.", "St.", "Co.", "M.", "Mme", "etc.", "&"])
        )
    if kind == 5:
        letters = rng.choice(list(string.ascii_uppercase), size=int(rng.integers(1, 4)))
        return f"{''.join(letters)}{rng.choice(['', '-', '.', ' '])}{number}"
    if kind == 6:
        return f'"{word}"'
    if kind == 7:
        return f"{word}{rng.choice(list('!?:;,.'))}"
    return f"{day} {rng.choice(_MONTHS)} {year}"


_MONTHS: Tuple[str, ...] = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
    *("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août"),
    *("septembre", "octobre", "novembre", "décembre"),
)
