"""Mix two n-gram models into one by linear interpolation.

The result is a back-off model: n-grams of either model get the interpolated probability, all others
are reached by backing off with new weights. After A. Stolcke, 2002, "SRILM - An Extensible Language
Modeling Toolkit" (`ngram -mix-lm`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.errors import ConfigError, LanguageModelError
from htrlib.language.estimation import NEVER
from htrlib.language.ngram import BEGIN, SPECIAL, Level, NGramModel

LEAST_LEFT = 0.005
"""Of a context's probability, at the least, for symbols that never followed it. The compact form of
a model has scores rounded to 256 values, so that what they leave may come out below zero."""

ROUNDS = 30  # EM iterations for the best weight; further ones change only its third digit

_ALMOST_NEVER = 1e-99  # smallest probability, so that its logarithm is finite

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Union:
    """The union of both models' n-grams of one length, sorted by parent, then symbol.

    Attributes:
        parents: (N,) index among the shorter n-grams of all symbols but the last.
        symbols: (N,) the last symbol.
        suffixes: (N,) index among the shorter n-grams of all symbols but the first.
        found: for each model, (N,) the index of the n-gram there, or -1.
    """

    parents: _Ints
    symbols: _Ints
    suffixes: _Ints
    found: Tuple[_Ints, _Ints]


def mix(first: NGramModel, second: NGramModel, share: float) -> NGramModel:
    """Interpolate two models.

    A character that a model does not know has probability 0 there.

    Args:
        share: weight of the first model, between 0 and 1.
    Raises:
        ConfigError: the weight is out of range.
        LanguageModelError: a model contains an n-gram but not its suffix.

    >>> from htrlib.language.estimation import estimate
    >>> cats, dogs = (estimate([f"the {it} sat"], order=3) for it in ("cat", "dog"))
    >>> both = mix(cats, dogs, 0.5)
    >>> bool(both.score("cat") > dogs.score("cat") and both.score("dog") > cats.score("dog"))
    True
    """
    if not 0 < share < 1:
        raise ConfigError(f"a model's weight in a mixture must be between 0 and 1, found {share}")
    models = (first, second)
    characters = sorted({*first.characters, *second.characters})
    vocabulary = (*SPECIAL, *characters)
    ids = {symbol: index for index, symbol in enumerate(vocabulary)}
    maps = tuple(np.array([ids[symbol] for symbol in model.vocabulary]) for model in models)
    unions = [_unigrams(maps, len(vocabulary))]
    for length in range(2, max(first.order, second.order) + 1):
        unions.append(_longer(models, maps, unions, length, len(vocabulary)))
    scores = tuple(_scores(model, unions, which) for which, model in enumerate(models))
    mixed = [
        np.log(share * np.exp(a) + (1 - share) * np.exp(b) + _ALMOST_NEVER) for a, b in zip(*scores)
    ]
    mixed[0][ids[BEGIN]] = NEVER
    return NGramModel(vocabulary, _levels(unions, mixed), first.words | second.words)


def best_share(first: NGramModel, second: NGramModel, texts: Sequence[str]) -> float:
    """Find the weight of the first model that maximizes the likelihood of texts (by EM).

    Characters that neither model knows are ignored.

    Args:
        texts: running texts from which neither model was estimated.
    Returns:
        A weight between 0 and 1; 0.5 if the texts are uninformative.
    """
    known = {*first.characters, *second.characters}
    counted = np.array([character in known for text in texts for character in text], dtype=bool)
    if not counted.any():
        return 0.5
    one, other = (_probabilities(model, texts)[counted] for model in (first, second))
    share = 0.5
    for _ in range(ROUNDS):
        share = float(np.mean(share * one / (share * one + (1 - share) * other)))
    return share


def _probabilities(model: NGramModel, texts: Sequence[str]) -> _Floats:
    """Return each character's probability, almost zero if the model does not know it."""
    scores = np.concatenate([model.character_scores(text, begin=True) for text in texts])
    unknown = set(model.unknown("".join(texts)))
    strange = np.array([character in unknown for text in texts for character in text], dtype=bool)
    result: _Floats = np.where(strange, 0.0, np.exp(scores)) + _ALMOST_NEVER
    return result


def _unigrams(maps: Tuple[_Ints, ...], size: int) -> _Union:
    found = []
    for mapping in maps:
        own = np.full(size, -1)
        own[mapping] = np.arange(len(mapping))
        found.append(own)
    zeros = np.zeros(size, dtype=np.int64)
    return _Union(zeros, np.arange(size), zeros, (found[0], found[1]))


def _longer(
    models: Tuple[NGramModel, ...],
    maps: Tuple[_Ints, ...],
    unions: Sequence[_Union],
    length: int,
    size: int,
) -> _Union:
    """Return the union of n-grams of one length, given that of the next shorter ones."""
    shorter = unions[-1]
    keys = [
        _keys(model, mapping, found, length, size)
        for model, mapping, found in zip(models, maps, shorter.found)
    ]
    union = np.unique(np.concatenate(keys))
    places = []
    for own in keys:
        indexes = np.full(len(union), -1)
        indexes[np.searchsorted(union, own)] = np.arange(len(own))
        places.append(indexes)
    parents, symbols = np.divmod(union, size)
    suffixes = symbols
    if length > 2:
        wanted = shorter.suffixes[parents] * size + symbols
        have = shorter.parents * size + shorter.symbols
        suffixes = np.minimum(np.searchsorted(have, wanted), len(have) - 1)
        if not np.array_equal(have[suffixes], wanted):
            raise LanguageModelError(
                f"a model has {length}-grams without the {length - 1}-grams that are their "
                "suffixes; build it again without dropping those"
            )
    return _Union(parents, symbols, suffixes, (places[0], places[1]))


def _keys(model: NGramModel, mapping: _Ints, found: _Ints, length: int, size: int) -> _Ints:
    """Encode parent and symbol of a model's n-grams as one number each, in the model's order."""
    if length > model.order:
        return np.zeros(0, dtype=np.int64)
    above, level = model.levels[length - 2], model.levels[length - 1]
    place = np.empty(len(above), dtype=np.int64)  # index of the model's parents in the union
    place[found[found >= 0]] = np.flatnonzero(found >= 0)
    parents = np.repeat(place, np.diff(above.first_child))
    keys: _Ints = parents * size + mapping[level.symbols]
    return keys


def _scores(model: NGramModel, unions: Sequence[_Union], which: int) -> List[_Floats]:
    """Return a model's log-probability of each n-gram of the union, backing off if needed."""
    scores: List[_Floats] = []
    for index, union in enumerate(unions):
        found = union.found[which]
        known = found >= 0
        if index == 0:
            values = np.full(len(found), -np.inf)
        else:
            contexts = unions[index - 1].found[which][union.parents]
            weights = np.zeros(len(found))
            if index <= model.order:
                backoffs = model.levels[index - 1].backoffs
                weights = np.where(contexts >= 0, backoffs[contexts], 0.0)
            values = weights + scores[-1][union.suffixes]
        if index < model.order:
            values[known] = model.levels[index].log_probs[found[known]]
        scores.append(values)
    return scores


def _levels(unions: Sequence[_Union], scores: Sequence[_Floats]) -> List[Level]:
    levels = []
    for index, union in enumerate(unions):
        count = len(union.symbols)
        children = np.zeros(count, dtype=np.int64)
        backoffs = np.zeros(count)
        if index + 1 < len(unions):
            longer = unions[index + 1]
            children = np.bincount(longer.parents, minlength=count)
            sums = [
                np.bincount(longer.parents, weights=np.exp(values), minlength=count)
                for values in (scores[index + 1], scores[index][longer.suffixes])
            ]
            left = [np.maximum(1.0 - total, LEAST_LEFT) for total in sums]
            ratio = np.log(left[0]) - np.log(left[1])
            backoffs = np.where(children > 0, np.minimum(ratio, 0.0), 0.0)
        levels.append(
            Level(
                symbols=union.symbols.astype(np.int32),
                first_child=np.concatenate(([0], np.cumsum(children))),
                log_probs=scores[index].astype(np.float32),
                backoffs=backoffs.astype(np.float32),
            )
        )
    return levels
