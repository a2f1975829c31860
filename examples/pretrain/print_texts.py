"""Generate texts of printed and typewritten lines in several languages."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from wordfreq import top_n_list, word_frequency

LANGUAGES = ("it", "es", "de", "nl", "fr", "en")
COMMON = 8_000  # words of a language that are drawn from
_PHRASES: Dict[str, List[str]] = json.loads(
    Path(__file__).with_name("print_phrases.json").read_text(encoding="utf-8")
)
_PAGE_NUMBERS = ("- {} -", "-{}-", "Page {}", "({})", "{}.")
_ROMAN = (
    *((100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV")),
    (1, "I"),
)


@cache
def word_list(language: str) -> Tuple[List[str], NDArray[np.float64]]:
    """Return frequent words of a language (`wordfreq`), and their cumulative probabilities."""
    words = [word for word in top_n_list(language, COMMON) if word.isalpha()]
    odds = np.array([word_frequency(word, language) for word in words]) ** 0.7
    return words, np.cumsum(odds / odds.sum())


def salad(language: str, rng: np.random.Generator, count: int) -> List[str]:
    """Draw words of a language by frequency, with the punctuation of running text."""
    words, odds = word_list(language)
    drawn = np.searchsorted(odds, rng.random(count)).clip(0, len(words) - 1)
    picked = [words[index] for index in drawn]
    capital = rng.random() < 0.5
    for index, word in enumerate(picked):
        if capital or (language == "de" and rng.random() < 0.3) or rng.random() < 0.04:
            word = word.capitalize()
        mark = ""
        if rng.random() < 0.17:
            mark = str(rng.choice(list(",,,,,...;:!?")))
        elif rng.random() < 0.02:
            word, mark = f'"{word}', '"'
        capital = mark in (".", "!", "?") and mark != ""
        picked[index] = word + mark
    return picked


class PrintTexts:
    """Draws the text of one line at a time; quotation marks are straight."""

    def __init__(
        self, english: Sequence[str], french: Sequence[str], letters: Sequence[str]
    ) -> None:
        """Each argument is the words of running text in order; `letters` are old English ones."""
        self._running = ((english, 0.5), (french, 0.22), (letters, 0.12))

    def line(self, rng: np.random.Generator, longest: int) -> str:
        """Return a line of 1 to `longest` words."""
        count = 1 + int(longest * rng.random() ** 0.7)
        chance = rng.random()
        if chance < 0.12:
            return " ".join(self._oddity(rng) for _ in range(max(1, count // 3)))
        words = self._words(rng, count)
        style = rng.random()
        if style < 0.13:
            words = [word.upper() for word in words[: 1 + count // 2]]
        elif style < 0.18:
            words = [word.capitalize() for word in words]
        elif style < 0.34:
            words[int(rng.integers(0, len(words)))] = self._oddity(rng)
        if rng.random() < 0.12 and len(words[-1]) > 4 and words[-1].isalpha():
            words[-1] = words[-1][: int(rng.integers(2, len(words[-1]) - 1))] + "-"
        if rng.random() < 0.06 and len(words[0]) > 4:
            words[0] = words[0][int(rng.integers(2, len(words[0]) - 1)) :]
        return " ".join(words)

    def _words(self, rng: np.random.Generator, count: int) -> List[str]:
        chance = rng.random()
        for words, share in self._running:
            chance -= share
            if chance < 0 and len(words) > count:
                start = int(rng.integers(0, len(words) - count))
                return list(words[start : start + count])
        return salad(LANGUAGES[int(rng.integers(len(LANGUAGES)))], rng, count)

    def _oddity(self, rng: np.random.Generator) -> str:
        """Return a number, date, amount, address, heading, table cell, abbreviation or name."""
        name = self._words(rng, 1)[0].strip(".,;:!?").capitalize()
        number, small = int(10 ** rng.uniform(0, 5)), int(rng.integers(1, 400))
        made = (
            lambda: str(number),
            lambda: f"{number:,}",
            lambda: _date(rng),
            lambda: f"{rng.choice([*'$£$¢', ''])}{number:,}.{small % 100:02d}",
            lambda: f"{number} {name} {_of('streets', rng)} {_of('quarters', rng)}",
            lambda: _of("phrases", rng),
            lambda: _of("abbreviations", rng),
            lambda: f"{_capital(rng)}. {_capital(rng)}. {name}",
            lambda: f"{number % 90}{rng.choice(list('½¼¾'))}",
            lambda: _roman(small % 120 + 1) + str(rng.choice([".", "", ")"])),
            lambda: str(rng.choice(_PAGE_NUMBERS)).format(small),
            lambda: " ".join([name, *(str(int(10 ** rng.uniform(0, 4))) for _ in range(4))]),
            lambda: f"{name} {'.' * int(rng.integers(3, 14))} {small}",
            lambda: f'" " {number}',
            lambda: f"{rng.choice(list('*†§©•'))} {name}",
            lambda: f"{small % 12 + 1}:{small % 50 + 10} {rng.choice(['A.M.', 'P.M.', 'p. m.'])}",
        )
        return made[int(rng.integers(len(made)))]()


def _of(name: str, rng: np.random.Generator) -> str:
    return str(rng.choice(_PHRASES[name]))


def _date(rng: np.random.Generator) -> str:
    day, year = int(rng.integers(1, 32)), int(rng.integers(1780, 2010))
    month = _of("months", rng)
    return f"{month} {day}, {year}" if rng.random() < 0.6 else f"{day} {month} {year}"


def _capital(rng: np.random.Generator) -> str:
    return chr(ord("A") + int(rng.integers(26)))


def _roman(number: int) -> str:
    written = ""
    for value, letters in _ROMAN:
        while number >= value:
            written, number = written + letters, number - value
    return written
