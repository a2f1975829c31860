"""Lexicons: prefer, or require, words from a list in decoding."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Tuple

from htrlib.document.charset import Charset
from htrlib.errors import ConfigError, LanguageModelError
from htrlib.language.scoring import Content, Scorer
from htrlib.language.words import is_mark

ESCAPE_PENALTY = 6.0

_OUTSIDE = 0  # state between words: the root of the prefix tree
_ESCAPED = -1  # state within an unlisted word


class Lexicon:
    """A list of words, and a penalty for other words.

    Listed words also match when capitalized or in capitals. Digits, punctuation and spaces cost
    nothing and separate words, except inside listed words (`don't`). A word that ends in a hyphen
    may be the beginning of a listed word, since lines may end within words.
    """

    def __init__(self, words: Iterable[str], escape_penalty: float = ESCAPE_PENALTY) -> None:
        """Args:
            words: listed words.
            escape_penalty: subtracted from a hypothesis's score (natural log) for each unlisted
                word; `math.inf` allows only listed words.

        Raises:
            ConfigError: the penalty is negative, or the words are one text.
            LanguageModelError: there are no words.
        """
        if isinstance(words, str):  # whose letters would be words
            raise ConfigError(
                f"a lexicon needs a list of words, found the text {words!r}; read the words of a "
                "file by Lexicon.load"
            )
        if not escape_penalty >= 0:
            raise ConfigError(f"escape_penalty must be at least 0, found {escape_penalty}")
        self.escape_penalty = escape_penalty
        self._children: List[Dict[str, int]] = [{}]
        self._ends = [False]
        for word in words:
            self._add(unicodedata.normalize("NFC", word.strip()))
        if len(self._children) == 1:
            raise LanguageModelError("expected at least one word in the lexicon, found none")

    @classmethod
    def load(cls, path: Path, escape_penalty: float = ESCAPE_PENALTY) -> Lexicon:
        """Load the words of a UTF-8 text file, one per line.

        Raises:
            LanguageModelError: the file cannot be read, or contains no words.
        """
        try:
            words = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise LanguageModelError(f"cannot read the words in {path}: {error}") from None
        return cls(words, escape_penalty)

    def __contains__(self, word: object) -> bool:
        node: Optional[int] = _OUTSIDE
        for character in str(word):
            node = self._children[node].get(character) if node is not None else None
        return node is not None and self._ends[node]

    def step(self, state: int, character: str) -> Tuple[float, int]:
        """Return the penalty (at most 0) of another character, and the state after it."""
        child = None if state == _ESCAPED else self._children[state].get(character)
        if child is not None:
            return 0.0, child
        if character.isalpha() or (state != _OUTSIDE and is_mark(character)):
            return 0.0 if state == _ESCAPED else -self.escape_penalty, _ESCAPED
        return 0.0 if character == "-" else self.end(state), _OUTSIDE

    def end(self, state: int) -> float:
        """Return the penalty (at most 0) of ending in a state."""
        within_word = state > _OUTSIDE and not self._ends[state]
        return -self.escape_penalty if within_word else 0.0

    def _add(self, word: str) -> None:
        if not word:
            return
        for form in {word, word[0].upper() + word[1:], word.upper()}:
            node = _OUTSIDE
            for character in form:
                children = self._children[node]
                if character not in children:
                    children[character] = len(self._children)
                    self._children.append({})
                    self._ends.append(False)
                node = children[character]
            self._ends[node] = True


class LexiconScorer(Scorer):
    """Adds a lexicon's penalties to another scorer's scores."""

    def __init__(self, lexicon: Lexicon, charset: Charset, inner: Scorer) -> None:
        super().__init__()
        self._lexicon = lexicon
        self._symbols = charset.symbols
        self._inner = inner

    @property
    def highest(self) -> float:
        return self._inner.highest

    def first(self) -> Content:
        return self._inner.first(), _OUTSIDE

    def score(self, content: Content, label: int) -> float:
        inner, node = content
        penalty, _ = self._lexicon.step(node, self._symbols[label])
        return self._inner.score(inner, label) + penalty

    def next(self, content: Content, label: int) -> Content:
        inner, node = content
        _, node = self._lexicon.step(node, self._symbols[label])
        return self._inner.next(inner, label), node

    def end(self, content: Content) -> float:
        inner, node = content
        return self._inner.end(inner) + self._lexicon.end(node)
