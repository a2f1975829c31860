"""Read what is written in capitals as capitals.

Some capitals differ from small letters in size alone. Where a writer uses nothing but capitals, the
others tell what these are.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import Sequence, Tuple

import numpy as np

from htrlib.decoding.best_path import best_path
from htrlib.document.charset import Charset
from htrlib.document.results import LogProbs

DISTINCT = frozenset("abdeghnqrt")
"""Letters whose capitals have another shape in most hands."""

PAGE_IN_CAPITALS = 0.3
"""Share of capitals, of the distinct letters within words, above which a page has lines of
capitals. On other `validation` pages it is 0.006 at most."""

LINE_IN_CAPITALS = 0.8
"""The same of a line of any page, if it has at least `ENOUGH` such letters.

Of lines in capitals it is more, while hands that mix small capitals with small letters stay below.
"""

LINE_OF_SUCH_A_PAGE = 0.15
"""The same of a line of a page that has lines of capitals."""

ENOUGH = 3
NEVER = -30.0  # natural-log probability

_LETTER_WITHIN_WORD = re.compile(r"(?<=[^\W\d_])[^\W\d_]")


def read_in_capitals(lines: Sequence[LogProbs]) -> Tuple[LogProbs, ...]:
    """Return the lines of a page, those in capitals with no small letters.

    The probability of a small letter goes to its capital.
    """
    counts = [_count(line.charset.decode(best_path(line.values).labels)) for line in lines]
    capitals, letters = (sum(numbers) for numbers in zip(*counts)) if counts else (0, 0)
    of_page = capitals > PAGE_IN_CAPITALS * letters

    def is_in_capitals(capitals: int, letters: int) -> bool:
        if of_page and capitals > LINE_OF_SUCH_A_PAGE * letters:
            return True
        return letters >= ENOUGH and capitals > LINE_IN_CAPITALS * letters

    return tuple(
        _capitalized(line) if is_in_capitals(*count) else line for line, count in zip(lines, counts)
    )


def _count(text: str) -> Tuple[int, int]:
    """Count the capitals, and all, of the distinct letters of a text that do not begin a word."""
    within = [c for c in _LETTER_WITHIN_WORD.findall(text) if c.lower() in DISTINCT]
    return sum(map(str.isupper, within)), len(within)


def _capitalized(line: LogProbs) -> LogProbs:
    small, capital = _cases(line.charset)
    values = line.values.copy()
    for one, other in zip(small, capital):
        values[:, other] = np.logaddexp(values[:, other], values[:, one])
    values[:, small] = NEVER
    return replace(line, values=values, again=line.again and _capitalized(line.again))


@lru_cache(maxsize=8)
def _cases(charset: Charset) -> Tuple[Tuple[int, ...], Tuple[int, ...]]:
    """The labels of small letters, and of their capitals, of those that have one."""
    pairs = [
        (charset.encode(symbol)[0], charset.encode(symbol.upper())[0])
        for symbol in charset.symbols
        if symbol.upper() != symbol and symbol.upper() in charset
    ]
    return tuple(small for small, _ in pairs), tuple(capital for _, capital in pairs)
