"""Give each word of a result a box, and make texts and ids valid in XML."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Collection, List, Optional, Sequence, Set, Tuple

from htrlib.document.geometry import Box, Size
from htrlib.document.results import LineResult

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_NAME = re.compile(r"[^A-Za-z0-9_.-]")
_VALID_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class PlacedWord:
    """A word with a nonempty box on the page; an unknown box is estimated from the text."""

    text: str
    confidence: float
    box: Box


def placed_words(line: LineResult, size: Size) -> Tuple[PlacedWord, ...]:
    """Return the words of a line, each with a box in whole pixels on the page."""
    words = line.transcription.words
    if [word.text for word in words] != line.text.split():
        return tuple(
            PlacedWord(text, line.transcription.confidence, whole_pixels(box, size))
            for text, box in _shares(line)
        )
    guesses = [box for _, box in _shares(line)]
    return tuple(
        PlacedWord(word.text, word.confidence, whole_pixels(word.box or guess, size))
        for word, guess in zip(words, guesses)
    )


def _shares(line: LineResult) -> List[Tuple[str, Box]]:
    """Return the words of a line, each with a part of its box in proportion to its length."""
    text, turns = line.text, line.line.quarter_turns
    box = line.line.box.turned(turns)
    letter = box.width / max(1, len(text))
    found = []
    for match in re.finditer(r"\S+", text):
        left, right = (box.left + place * letter for place in match.span())
        found.append((match[0], Box(left, box.top, right, box.bottom).turned(-turns)))
    return found


def whole_pixels(box: Box, size: Size) -> Box:
    """Clip a box to the page and round it to whole pixels, at least one wide and high."""
    left = min(max(0, round(box.left)), size.width - 1)
    top = min(max(0, round(box.top)), size.height - 1)
    right = min(max(left + 1, round(box.right)), size.width)
    bottom = min(max(top + 1, round(box.bottom)), size.height)
    return Box(left, top, right, bottom)


def xml_text(text: str) -> str:
    """Drop the characters that XML does not allow; white space among them becomes a space.

    >>> xml_text("a\\x00b\\x1fc")
    'ab c'
    """
    return _NOT_XML.sub(lambda match: " " if match[0].isspace() else "", text)


def xml_names(names: Sequence[str], reserved: Collection[str] = ()) -> Tuple[str, ...]:
    """Turn names into valid and unique XML ids, as similar to the names as possible.

    Args:
        names: names of lines, in order; empty for lines without a name.
        reserved: ids that the file uses for other elements.

    >>> xml_names(("a", "a", "7 b", ""))
    ('a', 'a_2', '_7_b', 'line_4')
    """
    taken = {*reserved, *(name for name in names if _VALID_NAME.fullmatch(name))}
    given: Set[str] = set(reserved)
    chosen = []
    for number, name in enumerate(names, start=1):
        if _VALID_NAME.fullmatch(name) and name not in given:
            given.add(name)
            chosen.append(name)
            continue
        plain = _NOT_NAME.sub("_", name) or f"line_{number}"
        plain = plain if _VALID_NAME.fullmatch(plain) else f"_{plain}"
        chosen.append(xml_name(plain, taken, f"_{number}"))
    return tuple(chosen)


def xml_name(name: str, taken: Set[str], ending: str = "_") -> str:
    """Return the name, made unique by suffixes if it is taken, and add it to the taken ones."""
    while name in taken:
        name += ending
    taken.add(name)
    return name


def share(confidence: Optional[float]) -> str:
    """Format a confidence between 0 and 1 for XML."""
    return f"{min(1.0, max(0.0, confidence or 0.0)):.4f}"
