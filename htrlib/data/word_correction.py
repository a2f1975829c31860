"""Carry the boxes of words over to a corrected text."""

from __future__ import annotations

from dataclasses import replace
from difflib import SequenceMatcher
from typing import List, Sequence, Tuple

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
