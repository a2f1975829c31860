"""Transfer the boxes of words to a corrected text, and to the two parts of a split text."""

from __future__ import annotations

from dataclasses import replace
from difflib import SequenceMatcher
from typing import List, Sequence, Tuple

from htrlib.document.geometry import Box
from htrlib.document.results import Word

CERTAIN = 1.0  # confidence of a word typed by a person


def corrected_words(words: Sequence[Word], text: str) -> Tuple[Word, ...]:
    """Return the words of a corrected text that have a known box.

    Unchanged words keep their box. If words were replaced by the same number of other words, each
    takes the box of the word it replaced; other new words have no box and are left out.

    >>> [word.text for word in corrected_words((Word("teh", 0.3, 0, 4),), "the end")]
    []
    >>> [word.text for word in corrected_words((Word("teh", 0.3, 0, 4),), "the")]
    ['the']
    """
    old, new = [word.text for word in words], text.split()
    kept: List[Word] = []
    for tag, start, end, first, last in SequenceMatcher(None, old, new, False).get_opcodes():
        if tag == "equal":
            kept += words[start:end]
        elif end - start == last - first:
            kept += [
                replace(word, text=typed, confidence=CERTAIN)
                for word, typed in zip(words[start:end], new[first:last])
            ]
    return tuple(kept)


def words_around(
    words: Sequence[Word], text: str, at: int
) -> Tuple[Tuple[Word, ...], Tuple[Word, ...]]:
    """Return the words before and after a position in the text, without a word that spans it."""
    before, after, start = [], [], 0
    for word in words:
        found = text.find(word.text, start)
        if found < 0:
            continue
        start = found + len(word.text)
        if start <= at:
            before.append(word)
        elif found >= at:
            after.append(word)
    return tuple(before), tuple(after)


def cut_column(
    box: Box,
    text: str,
    at: int,
    before: Sequence[Word],
    after: Sequence[Word],
    quarter_turns: int = 0,
) -> float:
    """Return the column, in page pixels, at which to split a line before character `at`.

    It lies between two words, or is estimated from the text's length if their boxes are unknown.
    With `quarter_turns`, it is that of the line turned upright about the page's origin.
    """
    box = box.turned(quarter_turns)
    left = before[-1].box.turned(quarter_turns) if before and before[-1].box else None
    right = after[0].box.turned(quarter_turns) if after and after[0].box else None
    x = box.left + box.width * (at / len(text) if text else 0.5)
    if left is not None and right is not None:
        x = (left.right + right.left) / 2
    return min(max(x, box.left + 1), box.right - 1)
