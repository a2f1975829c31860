"""Carry the boxes of words over to a corrected text, and to the halves of a text that is cut."""

from __future__ import annotations

from dataclasses import replace
from difflib import SequenceMatcher
from typing import List, Sequence, Tuple

from htrlib.document.geometry import Box
from htrlib.document.results import Word

CERTAIN = 1.0  # the confidence of what a person typed


def corrected_words(words: Sequence[Word], text: str) -> Tuple[Word, ...]:
    """The words of a corrected text whose place is known.

    Words that stay keep their box. Where as many words took the place of others, each takes the
    box of the one it replaced; other new words have no known place and are left out.

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
    """The words before and after a place of the text; a word that it cuts is in neither."""
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
    box: Box, text: str, at: int, before: Sequence[Word], after: Sequence[Word]
) -> float:
    """Return where to split a line before character `at`: between words, in page pixels.

    Where their boxes are not known, the text's proportion decides.
    """
    left = before[-1].box if before else None
    right = after[0].box if after else None
    x = box.left + box.width * (at / len(text) if text else 0.5)
    if left is not None and right is not None:
        x = (left.right + right.left) / 2
    return min(max(x, box.left + 1), box.right - 1)
