"""Estimate a character n-gram model by interpolated modified Kneser-Ney smoothing.

Chen and Goodman 1998, "An Empirical Study of Smoothing Techniques for Language Modeling", as in
Heafield et al. 2013, "Scalable Modified Kneser-Ney Language Model Estimation".
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Iterable, List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.errors import ConfigError, LanguageModelError
from htrlib.language.ngram import BEGIN, END, SPECIAL, UNKNOWN, Level, NGramModel
from htrlib.language.words import frequent_words

# Discounts of orders whose counts are not sufficient to estimate them, as in KenLM. This is always
# so for single characters, each of which occurs often.
FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)

NEVER = -99.0 * np.log(10.0)
"""Score of a symbol that is never predicted: what ARPA files say of `<s>`."""

_UNKNOWN, _BEGIN, _END = (SPECIAL.index(symbol) for symbol in (UNKNOWN, BEGIN, END))

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Grams:
    """The distinct n-grams of one length, sorted by parent, then symbol.

    Attributes:
        parents: (N,) rank among the shorter n-grams of all symbols but the last.
        suffixes: (N,) rank among the shorter n-grams of all symbols but the first.
        symbols: (N,) the last symbol.
        counts: (N,) number of occurrences.
        begins: (N,) bool, True if the first symbol is `<s>`.
    """

    parents: _Ints
    suffixes: _Ints
    symbols: _Ints
    counts: _Ints
    begins: NDArray[np.bool_]


def estimate(texts: Iterable[str], order: int = 6, min_counts: Sequence[int] = ()) -> NGramModel:
    """Estimate a model.

    Args:
        texts: pieces of running text, such as paragraphs. Any white space counts as one space.
        order: length of the longest n-grams.
        min_counts: minimum occurrences of n-grams of length 1, 2, ... to be kept; the last one
            applies to all longer n-grams. Dropped n-grams pass their probability to shorter ones;
            characters that are too rare count as `<unk>`.

    Raises:
        ConfigError: the order is below 1, or `min_counts` decreases from the second on.
        LanguageModelError: there is no text.
    """
    if order < 1:
        raise ConfigError(f"the order of an n-gram model must be at least 1, found {order}")
    limits = _limits(min_counts, order)
    pieces = _pieces(texts)
    vocabulary, stream = _read(pieces, limits[0])
    grams = _count(stream, order, len(vocabulary))
    kept = [np.ones(len(vocabulary), dtype=bool)]
    kept += [level.counts >= limit for level, limit in zip(grams[1:], limits[1:])]
    adjusted = [_continuations(level, longer) for level, longer in zip(grams, grams[1:])]
    adjusted.append(grams[-1].counts)
    adjusted[0][_BEGIN] = 0

    lower = np.full(len(vocabulary), 1.0 / (len(vocabulary) - 1))
    log_probs, backoffs = [], []
    for level, counts, keep in zip(grams, adjusted, kept):
        probabilities, left_over = _smooth(level, counts, keep, lower)
        log_probs.append(np.log(probabilities))
        backoffs.append(np.log(left_over))
        lower = probabilities
    log_probs[0][_BEGIN] = NEVER
    backoffs = [*backoffs[1:], np.zeros(len(grams[-1].symbols))]
    return NGramModel(vocabulary, _levels(grams, kept, log_probs, backoffs), frequent_words(pieces))


def _limits(min_counts: Sequence[int], order: int) -> List[int]:
    limits = list(min_counts[:order]) or [1]
    limits += [limits[-1]] * (order - len(limits))
    if any(later < earlier for earlier, later in zip(limits[1:], limits[2:])):
        raise ConfigError(
            f"minimum counts of n-grams must not decrease with their length, found {limits}"
        )
    return limits


def _pieces(texts: Iterable[str]) -> List[str]:
    """Return the texts in composed characters, with single spaces."""
    if isinstance(texts, str):
        texts = [texts]
    pieces = [" ".join(unicodedata.normalize("NFC", text).split()) for text in texts]
    pieces = [piece for piece in pieces if piece]
    if not pieces:
        raise LanguageModelError("expected text to estimate a language model from, found none")
    return pieces


def _read(pieces: Sequence[str], min_count: int) -> Tuple[Tuple[str, ...], _Ints]:
    """Return the vocabulary and the pieces as one sequence, each between `<s>` and `</s>`."""
    points = np.frombuffer("".join(pieces).encode("utf-32-le"), dtype=np.uint32)
    characters, symbols, counts = np.unique(points, return_inverse=True, return_counts=True)
    frequent = counts >= min_count
    ids = np.where(frequent, np.cumsum(frequent) - 1 + len(SPECIAL), _UNKNOWN)
    ends = np.cumsum([len(piece) for piece in pieces])
    starts = np.concatenate(([0], ends[:-1]))
    marks = np.stack([starts, ends], axis=1).ravel()
    stream = np.insert(ids[symbols], marks, np.tile([_BEGIN, _END], len(pieces)))
    return SPECIAL + tuple(chr(point) for point in characters[frequent]), stream


def _count(stream: _Ints, order: int, vocabulary_size: int) -> List[_Grams]:
    """Count the n-grams of each length; none spans two texts."""
    ranks = stream
    unigrams = np.arange(vocabulary_size)
    counts = np.bincount(stream, minlength=vocabulary_size)
    zeros = np.zeros(vocabulary_size, dtype=np.int64)
    grams = [_Grams(zeros, unigrams, unigrams, counts, unigrams == _BEGIN)]
    for length in range(2, order + 1):
        # ranks[i] is the rank of the shorter n-gram at i, or -1; no n-gram reaches the next text.
        last = stream[length - 1 :]
        at = np.flatnonzero((ranks[: len(last)] >= 0) & (last != _BEGIN))
        if not len(at):
            raise LanguageModelError(
                f"a model of order {order} needs texts of at least {length} symbols, found only "
                "shorter ones; give longer texts or a lower order"
            )
        keys = ranks[at] * vocabulary_size + last[at]
        found, first, inverse, counts = np.unique(
            keys, return_index=True, return_inverse=True, return_counts=True
        )
        parents, symbols = np.divmod(found, vocabulary_size)
        suffixes = ranks[at[first] + 1]
        grams.append(_Grams(parents, suffixes, symbols, counts, stream[at[first]] == _BEGIN))
        ranks = np.full(len(last), -1, dtype=np.int64)
        ranks[at] = inverse
    return grams


def _continuations(level: _Grams, longer: _Grams) -> _Ints:
    """Count the distinct symbols before each n-gram; at the start of a text, its occurrences."""
    continuations = np.bincount(longer.suffixes, minlength=len(level.symbols))
    return np.where(level.begins, level.counts, continuations)


def _smooth(
    level: _Grams, counts: _Ints, keep: NDArray[np.bool_], lower: _Floats
) -> Tuple[_Floats, _Floats]:
    """Return each n-gram's probability, and the back-off weight of each parent."""
    discounts = np.array((0.0, *_discounts(counts)))[np.minimum(counts, 3)]
    given_up = np.where(keep, np.minimum(discounts, counts), counts)
    parents = int(level.parents.max()) + 1
    total = np.bincount(level.parents, weights=counts, minlength=parents)
    left = np.bincount(level.parents, weights=given_up, minlength=parents)
    left_over = np.divide(left, total, out=np.ones(parents), where=total > 0)
    own = (counts - given_up) / np.maximum(total, 1)[level.parents]
    return own + left_over[level.parents] * lower[level.suffixes], left_over


def _discounts(counts: _Ints) -> Tuple[float, ...]:
    seen = np.bincount(np.minimum(counts, 5), minlength=6).astype(np.float64)
    if not seen[1:5].all():
        return FALLBACK_DISCOUNTS
    base = seen[1] / (seen[1] + 2 * seen[2])
    discounts = tuple(float(i - (i + 1) * base * seen[i + 1] / seen[i]) for i in (1, 2, 3))
    # A discount of 0 would leave no probability for unseen n-grams.
    sound = all(0 < discount <= i for i, discount in enumerate(discounts, start=1))
    return discounts if sound else FALLBACK_DISCOUNTS


def _levels(
    grams: Sequence[_Grams],
    kept: Sequence[NDArray[np.bool_]],
    log_probs: Sequence[_Floats],
    backoffs: Sequence[_Floats],
) -> List[Level]:
    """Select the n-grams to keep; their parents occur at least as often, so they are kept too."""
    levels = []
    for index, (level, keep) in enumerate(zip(grams, kept)):
        children = np.zeros(len(level.symbols), dtype=np.int64)
        if index + 1 < len(grams):
            parents = grams[index + 1].parents[kept[index + 1]]
            children = np.bincount(parents, minlength=len(children))
        backoff = np.zeros(len(keep))
        backoff[: len(backoffs[index])] = backoffs[index]
        levels.append(
            Level(
                symbols=level.symbols[keep].astype(np.int32),
                first_child=np.concatenate(([0], np.cumsum(children[keep]))),
                log_probs=log_probs[index][keep].astype(np.float32),
                backoffs=backoff[keep].astype(np.float32),
            )
        )
    return levels
