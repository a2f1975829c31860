"""Words that a language model knows whole, whatever their letters."""

from __future__ import annotations

import re
from collections import Counter
from typing import AbstractSet, FrozenSet, Iterable, List

ENOUGH = 10_000
"""Words; a model that knows fewer cannot tell a misread word from a rare one."""

_WORD = re.compile(r"[^\W\d_]+")
# A word that goes on in the next line.
_CUT = re.compile(r"[^\W\d_]+[-\u00ac=]\s*$")


def words_of(text: str) -> List[str]:
    """Return the runs of letters of a text, in lower case."""
    return [word.lower() for word in _WORD.findall(text)]


def frequent_words(texts: Iterable[str]) -> FrozenSet[str]:
    """Return the words that occur at least twice in texts; others may be misspelled."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(words_of(text))
    return frozenset(word for word, count in counts.items() if count > 1)


def count_unknown(text: str, known: AbstractSet[str]) -> int:
    """Count the words of a line that are not known, without one that a hyphen cuts at its end."""
    return sum(word not in known for word in words_of(_CUT.sub("", text)))
