"""Words that a language model knows whole, whatever their letters."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from typing import AbstractSet, FrozenSet, Iterable, List

ENOUGH = 10_000
"""Words; a model that knows fewer cannot tell a misread word from a rare one."""

_LETTERS = r"[^\W\d_]+"
_RARE = re.compile(r"[^\w\s\x00-\u02ff]")  # what may be a combining mark
_CUT = r"[-\u00ac=]\s*$"  # after a word that goes on in the next line


def words_of(text: str) -> List[str]:
    """Return the runs of letters of a text, with the marks on them, in lower case."""
    return [word.lower() for word in re.findall(_word_in(text), text)]


def is_mark(character: str) -> bool:
    """Return whether a character combines with a letter before it, as vowel signs of Hindi do."""
    return unicodedata.category(character) in ("Mn", "Mc")


def frequent_words(texts: Iterable[str]) -> FrozenSet[str]:
    """Return the words that occur at least twice in texts; others may be misspelled."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(words_of(text))
    return frozenset(word for word, count in counts.items() if count > 1)


def count_unknown(text: str, known: AbstractSet[str]) -> int:
    """Count the words of a line that are not known, without one that a hyphen cuts at its end."""
    return sum(word not in known for word in words_of(re.sub(_word_in(text) + _CUT, "", text)))


def _word_in(text: str) -> str:
    """Return the pattern of a word; that of texts without combining marks is twice as fast."""
    return _marked_word() if any(map(is_mark, _RARE.findall(text))) else _LETTERS


@functools.cache
def _marked_word() -> str:
    marks = "".join(filter(is_mark, map(chr, range(0x300, 0x20000))))  # `re` has no class of them
    return f"{_LETTERS}(?:[{marks}](?:{_LETTERS})?)*"
