"""Character n-gram models with back-off."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Dict, FrozenSet, Iterable, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib import compiled
from htrlib.errors import LanguageModelError

BEGIN = "<s>"
END = "</s>"
UNKNOWN = "<unk>"
SPECIAL = (UNKNOWN, BEGIN, END)
MOST_COMPILED_LEVELS = 32


@dataclass(frozen=True, eq=False)
class Level:
    """The n-grams of one length, sorted by their parent (all symbols but the last), then symbol.

    Attributes:
        symbols: (N,) last symbol of each n-gram, an index into the vocabulary.
        first_child: (N + 1,) index in the next level of the first n-gram that extends each one.
        log_probs: (N,) float32 natural log of P(last symbol | preceding symbols).
        backoffs: (N,) float32 natural log of each n-gram's back-off weight as a context.
    """

    symbols: NDArray[np.integer[Any]]
    first_child: NDArray[np.integer[Any]]
    log_probs: NDArray[np.float32]
    backoffs: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.symbols)

    @cached_property
    def symbol_text(self) -> str:
        """`symbols` as a string, whose `find` is faster than a search by NumPy."""
        return self.symbols.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


class Context:
    """The end of the text so far, as far as the model distinguishes it.

    Attributes:
        length: number of symbols.
        children: (start, end) of the n-grams in the next level that extend it.
        backoff: natural log of the back-off weight.
        shorter: the context without its first symbol; None for the empty context.
        followers: cached contexts after one more symbol.
    """

    __slots__ = ("backoff", "children", "followers", "length", "shorter")

    def __init__(
        self, length: int, children: Tuple[int, int], backoff: float, shorter: Optional[Context]
    ) -> None:
        self.length = length
        self.children = children
        self.backoff = backoff
        self.shorter = shorter
        self.followers: Dict[int, Context] = {}


class NGramModel:
    """A character n-gram model: log P(next character | preceding characters).

    Contexts are computed on first use and cached. Several threads may use a model at once.

    >>> from htrlib.language.estimation import estimate
    >>> model = estimate(["the cat sat on the mat"], order=3)
    >>> bool(model.score("the") > model.score("tqe"))
    True

    Attributes:
        contexts_kept: maximum number of cached contexts per model; about 300 bytes each.
        words: words of the language; see `htrlib.decoding.looks.most_supported`.
    """

    contexts_kept = 1 << 15

    def __init__(
        self,
        vocabulary: Sequence[str],
        levels: Sequence[Level],
        words: FrozenSet[str] = frozenset(),
    ) -> None:
        """Args:
        vocabulary: the special symbols, followed by single characters.
        levels: n-grams of length 1, 2, ...; the first level has one n-gram per symbol, in order.
        words: words of the language, in lower case; they do not change any probability.
        """
        self.words = words
        self.vocabulary = tuple(vocabulary)
        self.levels = tuple(levels)
        _check(self.vocabulary, self.levels)
        self.order = len(self.levels)  # length of the longest n-grams
        self.symbol_ids = {symbol: index for index, symbol in enumerate(self.vocabulary)}
        self._forget()

    @cached_property
    def compiled_levels(self) -> Optional[Tuple[Any, ...]]:
        """The arrays of the levels as `_compiled` takes them; None where it has too many."""
        if self.order > MOST_COMPILED_LEVELS:
            return None
        return tuple(
            (
                np.ascontiguousarray(level.symbols, np.min_scalar_type(len(self.vocabulary))),
                np.ascontiguousarray(level.first_child, np.int64),
                np.ascontiguousarray(level.log_probs, np.float32),
                np.ascontiguousarray(level.backoffs, np.float32),
            )
            for level in self.levels
        )

    @property
    def characters(self) -> Tuple[str, ...]:
        """Characters that the model knows."""
        return tuple(symbol for symbol in self.vocabulary if symbol not in SPECIAL)

    def unknown(self, characters: Iterable[str]) -> Tuple[str, ...]:
        """Return the characters that the model does not know, sorted."""
        return tuple(sorted(set(characters) - set(self.characters)))

    def symbol_id(self, character: str) -> int:
        """Return a character's index in the vocabulary, or that of `<unk>`."""
        return self.symbol_ids.get(character, 0)

    def context(self, text: str = "", begin: bool = False) -> Context:
        """Return the context after a text.

        Args:
            text: preceding text.
            begin: True if a piece of text, such as a paragraph, begins with it.
        """
        if self._contexts_met > self.contexts_kept:
            self._forget()
        context = self._root
        if begin:
            context = self.follow(context, self.symbol_ids[BEGIN])
        for character in text:
            context = self.follow(context, self.symbol_id(character))
        return context

    def log_prob(self, context: Context, symbol: int) -> float:
        """Return the natural log of P(symbol | context)."""
        backoffs = 0.0
        while context.shorter is not None:
            index = self._find(context, symbol)
            if index >= 0:
                return backoffs + self.levels[context.length].log_probs.item(index)
            backoffs += context.backoff
            context = context.shorter
        return backoffs + self.levels[0].log_probs.item(symbol)

    def row(self, context: Context) -> NDArray[np.float32]:
        """Return (V,) natural log of P(symbol | context) for all symbols."""
        if context.shorter is None:
            return self.levels[0].log_probs.copy()
        row = self.row(context.shorter) + np.float32(context.backoff)
        start, end = context.children
        longer = self.levels[context.length]
        row[longer.symbols[start:end]] = longer.log_probs[start:end]
        return row

    def follow(self, context: Context, symbol: int) -> Context:
        """Return the context after another symbol."""
        follower = context.followers.get(symbol)
        if follower is None:
            follower = context.followers[symbol] = self._follower(context, symbol)
        return follower

    def character_scores(
        self, text: str, before: str = "", begin: bool = False, end: bool = False
    ) -> NDArray[np.float64]:
        """Return (L,) natural-log probabilities of the characters given those before them.

        Args:
            before: text before `text`, as far as known.
            begin: True if a piece of text, such as a paragraph, begins with `before`.
            end: also append the score of the end of the piece.
        """
        known = self.symbol_ids
        symbols = [known.get(character, 0) for character in text]
        if end:
            symbols.append(self.symbol_ids[END])
        if compiled.library is not None and self.compiled_levels is not None:
            first = [self.symbol_ids[BEGIN]] if begin else []
            first += [self.symbol_id(character) for character in before]
            every = np.array(first + symbols, np.int32)
            found = compiled.library.text_scores(self.compiled_levels, every, len(first))
            return np.frombuffer(found, np.float64).copy()
        context = self.context(before, begin)
        scores = np.empty(len(symbols))
        for position, symbol in enumerate(symbols):
            scores[position] = self.log_prob(context, symbol)
            context = self.follow(context, symbol)
        return scores

    def score(self, text: str, before: str = "", begin: bool = False, end: bool = False) -> float:
        """Return the natural-log probability of a text; see :meth:`character_scores`."""
        return float(self.character_scores(text, before, begin, end).sum())

    def _forget(self) -> None:
        """Clear the cache; contexts in use elsewhere stay valid."""
        self._root = Context(0, (0, len(self.vocabulary)), 0.0, None)
        self._contexts_met = 0

    def _follower(self, context: Context, symbol: int) -> Context:
        """Return the longest context that is a suffix of `context` plus a symbol."""
        shorter = self._root if context.shorter is None else self.follow(context.shorter, symbol)
        length = context.length + 1
        if length >= self.order:
            return shorter
        index = self._find(context, symbol)
        if index < 0:
            return shorter
        level = self.levels[length - 1]
        children = level.first_child.item(index), level.first_child.item(index + 1)
        backoff = level.backoffs.item(index)
        if children[0] == children[1] and not backoff:
            return shorter
        self._contexts_met += 1
        return Context(length, children, backoff, shorter)

    def _find(self, context: Context, symbol: int) -> int:
        """Return the index of the n-gram of a context plus a symbol, or -1."""
        return self.levels[context.length].symbol_text.find(chr(symbol), *context.children)


def _check(vocabulary: Tuple[str, ...], levels: Tuple[Level, ...]) -> None:
    if vocabulary[: len(SPECIAL)] != SPECIAL:
        raise LanguageModelError(
            f"a model's vocabulary must begin with {', '.join(SPECIAL)}, found {vocabulary[:3]}"
        )
    if len(set(vocabulary)) != len(vocabulary) or any(len(s) != 1 for s in vocabulary[3:]):
        raise LanguageModelError("a model's vocabulary must consist of unique single characters")
    if not levels or len(levels[0]) != len(vocabulary):
        raise LanguageModelError(
            f"a vocabulary of {len(vocabulary)} symbols needs as many 1-grams, found "
            f"{len(levels[0]) if levels else 0}"
        )
    sizes = [len(level) for level in levels] + [0]
    for length, (level, longer) in enumerate(zip(levels, sizes[1:]), start=1):
        sound = (
            len(level.first_child) == len(level) + 1
            and int(level.first_child[0]) == 0
            and int(level.first_child[-1]) == longer
            and bool(np.all(level.first_child[1:] >= level.first_child[:-1]))
            and bool(np.all(level.symbols < len(vocabulary)))
            and len(level.log_probs) == len(level.backoffs) == len(level)
        )
        if not sound:
            raise LanguageModelError(f"the model's {length}-grams are inconsistent")
        sums = (numbers.sum(dtype=np.float64) for numbers in (level.log_probs, level.backoffs))
        if not all(map(math.isfinite, sums)):
            raise LanguageModelError(
                f"the model's {length}-grams contain a score or a weight that is not finite"
            )
