"""Character n-gram models with back-off."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Dict, Iterable, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.errors import LanguageModelError

BEGIN = "<s>"
END = "</s>"
UNKNOWN = "<unk>"
SPECIAL = (UNKNOWN, BEGIN, END)


@dataclass(frozen=True, eq=False)
class Level:
    """The n-grams of one length, sorted by the n-gram before their last symbol, then by that.

    Attributes:
        symbols: (N,) the last symbol of each n-gram, an index into the vocabulary.
        first_child: (N + 1,) where the longer n-grams that begin with each start in the next level.
        log_probs: (N,) float32 natural log of P(last symbol | the symbols before it).
        backoffs: (N,) float32 natural log of the weight of the shorter context after this n-gram.
    """

    symbols: NDArray[np.integer[Any]]
    first_child: NDArray[np.integer[Any]]
    log_probs: NDArray[np.float32]
    backoffs: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.symbols)

    @cached_property
    def symbol_text(self) -> str:
        """`symbols` as a text, whose `find` looks a symbol up faster than NumPy does."""
        return self.symbols.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


class Context:
    """The part of the text so far that a model distinguishes: what it remembers of the past.

    Attributes:
        length: of the n-gram that the context is.
        children: (start, end) of the n-grams one longer that begin with it.
        backoff: natural log of the weight of the shorter context.
        shorter: the context without what the longest model forgets first; None for the empty one.
        followers: symbol -> the context after it, as far as asked for.
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
    """A character n-gram model: log P(next character | the characters before it).

    Contexts are worked out when first met, and kept for a while. A model may be used by several
    threads.

    >>> from htrlib.language.estimation import estimate
    >>> model = estimate(["the cat sat on the mat"], order=3)
    >>> bool(model.score("the") > model.score("tqe"))
    True

    Attributes:
        contexts_kept: of each model, at most; about 300 bytes each.
    """

    contexts_kept = 1 << 15

    def __init__(self, vocabulary: Sequence[str], levels: Sequence[Level]) -> None:
        """Args:
        vocabulary: the special symbols, then single characters.
        levels: of the n-grams of length 1, 2, ...; the first has one n-gram per symbol, in order.
        """
        self.vocabulary = tuple(vocabulary)
        self.levels = tuple(levels)
        _check(self.vocabulary, self.levels)
        self.order = len(self.levels)  # the length of the longest n-grams
        self.symbol_ids = {symbol: index for index, symbol in enumerate(self.vocabulary)}
        self._forget()

    @property
    def characters(self) -> Tuple[str, ...]:
        """The characters that the model knows."""
        return tuple(symbol for symbol in self.vocabulary if symbol not in SPECIAL)

    def unknown(self, characters: Iterable[str]) -> Tuple[str, ...]:
        """Return the characters that the model does not know, sorted."""
        return tuple(sorted(set(characters) - set(self.characters)))

    def symbol_id(self, character: str) -> int:
        """The vocabulary index of a character, that of `<unk>` where it has none."""
        return self.symbol_ids.get(character, 0)

    def context(self, text: str = "", begin: bool = False) -> Context:
        """The context that a text leaves.

        Args:
            text: what stands before.
            begin: the text is the beginning of a piece of text, such as a paragraph.
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
        """Natural log of P(symbol | context)."""
        backoffs = 0.0
        while context.shorter is not None:
            index = self._find(context, symbol)
            if index >= 0:
                return backoffs + self.levels[context.length].log_probs.item(index)
            backoffs += context.backoff
            context = context.shorter
        return backoffs + self.levels[0].log_probs.item(symbol)

    def row(self, context: Context) -> NDArray[np.float32]:
        """(V,) natural log of P(symbol | context)."""
        if context.shorter is None:
            return self.levels[0].log_probs.copy()
        row = self.row(context.shorter) + np.float32(context.backoff)
        start, end = context.children
        longer = self.levels[context.length]
        row[longer.symbols[start:end]] = longer.log_probs[start:end]
        return row

    def follow(self, context: Context, symbol: int) -> Context:
        """The context after one more symbol."""
        follower = context.followers.get(symbol)
        if follower is None:
            follower = context.followers[symbol] = self._follower(context, symbol)
        return follower

    def character_scores(
        self, text: str, before: str = "", begin: bool = False, end: bool = False
    ) -> NDArray[np.float64]:
        """(L,) natural-log probability of each character given those before it.

        Args:
            before: what stands before the text, as far as known.
            begin: a piece of text, such as a paragraph, begins with `before`.
            end: append the score of the piece's end.
        """
        context = self.context(before, begin)
        symbols = [self.symbol_id(character) for character in text]
        if end:
            symbols.append(self.symbol_ids[END])
        scores = np.empty(len(symbols))
        for position, symbol in enumerate(symbols):
            scores[position] = self.log_prob(context, symbol)
            context = self.follow(context, symbol)
        return scores

    def score(self, text: str, before: str = "", begin: bool = False, end: bool = False) -> float:
        """Natural-log probability of a text; see :meth:`character_scores`."""
        return float(self.character_scores(text, before, begin, end).sum())

    def _forget(self) -> None:
        """Start anew with the empty context; contexts in use elsewhere stay valid."""
        self._root = Context(0, (0, len(self.vocabulary)), 0.0, None)
        self._contexts_met = 0

    def _follower(self, context: Context, symbol: int) -> Context:
        """The longest context that ends what `context` and one more symbol are."""
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
        """The index of the n-gram that is a context and one more symbol, or -1."""
        return self.levels[context.length].symbol_text.find(chr(symbol), *context.children)


def _check(vocabulary: Tuple[str, ...], levels: Tuple[Level, ...]) -> None:
    if vocabulary[: len(SPECIAL)] != SPECIAL:
        raise LanguageModelError(
            f"a model's vocabulary begins with {', '.join(SPECIAL)}, found {vocabulary[:3]}"
        )
    if len(set(vocabulary)) != len(vocabulary) or any(len(s) != 1 for s in vocabulary[3:]):
        raise LanguageModelError("a model's vocabulary holds single characters, each once")
    if not levels or len(levels[0]) != len(vocabulary):
        raise LanguageModelError(
            f"a model of {len(vocabulary)} symbols has as many 1-grams, found "
            f"{len(levels[0]) if levels else 0}"
        )
    sizes = [len(level) for level in levels] + [0]
    for length, (level, longer) in enumerate(zip(levels, sizes[1:]), start=1):
        sound = (
            len(level.first_child) == len(level) + 1
            and int(level.first_child[0]) == 0
            and int(level.first_child[-1]) == longer
            and bool(np.all(np.diff(level.first_child) >= 0))
            and bool(np.all(level.symbols < len(vocabulary)))
            and len(level.log_probs) == len(level.backoffs) == len(level)
        )
        if not sound:
            raise LanguageModelError(f"the model's {length}-grams do not fit together")
        if not (math.isfinite(float(level.log_probs.sum(dtype=np.float64)))):
            raise LanguageModelError(f"the model's {length}-grams hold a score that is not finite")
