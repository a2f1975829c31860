"""Words of results with a box each, and text that XML can hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import List, Optional, Tuple

from htrlib.document.geometry import Box, Size
from htrlib.document.results import LineResult

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_NAME = re.compile(r"[^\w.-]")


@dataclass(frozen=True)
class PlacedWord:
    """A word and its box, on the page and not empty; that of `text` by its share where unknown."""

    text: str
    confidence: float
    box: Box


def placed_words(line: LineResult, size: Size) -> Tuple[PlacedWord, ...]:
    """The words of a line, each with a box in whole pixels of a page of that size."""
    words = line.transcription.words
    if [word.text for word in words] != line.text.split():
        return tuple(
            PlacedWord(text, line.transcription.confidence, whole_pixels(box, size))
            for text, box in _shares(line.text, line.line.box)
        )
    guesses = [box for _, box in _shares(line.text, line.line.box)]
    return tuple(
        PlacedWord(word.text, word.confidence, whole_pixels(word.box or guess, size))
        for word, guess in zip(words, guesses)
    )


def _shares(text: str, box: Box) -> List[Tuple[str, Box]]:
    """The words of a text, each with the part of the box that its letters take."""
    letter = box.width / max(1, len(text))
    found = []
    for match in re.finditer(r"\S+", text):
        left, right = (box.left + place * letter for place in match.span())
        found.append((match[0], Box(left, box.top, right, box.bottom)))
    return found


def whole_pixels(box: Box, size: Size) -> Box:
    """The box on the page in whole pixels, at least one wide and high."""
    left = min(max(0, round(box.left)), size.width - 1)
    top = min(max(0, round(box.top)), size.height - 1)
    right = min(max(left + 1, round(box.right)), size.width)
    bottom = min(max(top + 1, round(box.bottom)), size.height)
    return Box(left, top, right, bottom)


def xml_text(text: str) -> str:
    """The text without the characters that XML cannot hold.

    >>> xml_text("a\\x00b")
    'ab'
    """
    return _NOT_XML.sub("", text)


def xml_names(names: Tuple[str, ...], prefix: str = "line") -> Tuple[str, ...]:
    """Names that are valid and different ids in XML, as near to those given as can be.

    >>> xml_names(("a", "a", "7 b", ""))
    ('a', 'a_2', '_7_b', 'line_4')
    """
    taken: List[str] = []
    for number, name in enumerate(names, start=1):
        chosen = _NOT_NAME.sub("_", name) or f"{prefix}_{number}"
        if not (chosen[0].isalpha() or chosen[0] == "_"):
            chosen = f"_{chosen}"
        if not chosen.isascii():
            chosen = chosen.encode("ascii", "replace").decode().replace("?", "_")
        while chosen in taken:
            chosen += f"_{number}"
        taken.append(chosen)
    return tuple(taken)


def share(confidence: Optional[float]) -> str:
    """A confidence as XML has it, between 0 and 1."""
    return f"{min(1.0, max(0.0, confidence or 0.0)):.4f}"
