"""Scorers: the interface through which beam search asks language models for scores."""

from __future__ import annotations

import math
from typing import Any, Dict, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from htrlib.document.charset import Charset
from htrlib.language.ngram import UNKNOWN, NGramModel

FLOOR = -14.0
"""Least natural-log score of a character, and that of all that the model does not know, so that a
recognizer trained on more letters still writes them."""

BEFORE = " "
"""The text assumed before a line, which is cut out of running text."""

Content = Any
"""A state: hashable, and meaningful only to its scorer."""


class State:
    """A scorer's state after some characters, with cached scores.

    Attributes:
        content: equal for states after which all continuations have the same scores.
        factors: cached factors by label.
        followers: cached states by label.
    """

    __slots__ = ("content", "factors", "followers")

    def __init__(self, content: Content) -> None:
        self.content = content
        self.factors: Dict[int, float] = {}
        self.followers: Dict[int, State] = {}


class Scorer:
    """Scores characters, as factors of a hypothesis's probability.

    The base class scores all hypotheses alike; subclasses define `highest`, `first`, `score`,
    `next` and `end`. Scorers cache their states, and several threads may use one at once.

    Attributes:
        states_kept: maximum number of cached states per scorer; about 1 kB each.
    """

    states_kept = 1 << 15

    def __init__(self) -> None:
        self._states: Dict[Content, State] = {}

    @property
    def highest(self) -> float:
        """Upper bound of all scores."""
        return 0.0

    def first(self) -> Content:
        """Return the content of the state before the first character."""
        return None

    def score(self, content: Content, label: int) -> float:
        """Return the natural-log score of a label, including all weights."""
        return 0.0

    def next(self, content: Content, label: int) -> Content:
        """Return the content of the state after a label."""
        return None

    def end(self, content: Content) -> float:
        """Return the natural-log score of the line's end."""
        return 0.0

    def ending(self, labels: Sequence[int]) -> float:
        """Return the natural-log score of the line's end after these labels."""
        if type(self).end is Scorer.end:
            return 0.0
        state = self.start()
        for label in labels:
            state = self.follow(state, label)
        return self.end(state.content)

    def start(self) -> State:
        """Return the state before the first character."""
        if len(self._states) > self.states_kept:
            self._states = {}
        return self._state(self.first())

    def factor(self, state: State, label: int) -> float:
        """Return e to the score of a label, and cache it in `state.factors`."""
        factor = state.factors[label] = math.exp(self.score(state.content, label))
        return factor

    def follow(self, state: State, label: int) -> State:
        """Return the state after a label."""
        follower = state.followers.get(label)
        if follower is None:
            follower = state.followers[label] = self._state(self.next(state.content, label))
        return follower

    def _state(self, content: Content) -> State:
        return self._states.get(content) or self._states.setdefault(content, State(content))


class LanguageModelScorer(Scorer):
    """Scores by a weighted language model and a bonus for each character.

    Since a line is cut out of running text, a space is assumed before it, and its end has no score.

    Attributes:
        symbols: symbol of each label in the model, `unknown` for labels that it lacks.
    """

    def __init__(
        self,
        model: NGramModel,
        charset: Charset,
        weight: float = 1.0,
        bonus: float = 0.0,
        pairs: Optional[NDArray[np.float64]] = None,
    ) -> None:
        """Args:
        weight: weight of the model's natural-log probabilities, at least 0.
        bonus: score added for each character, natural log.
        pairs: (C + 1, C) further scores of labels after each label, and (the last row) of first
            ones; see `htrlib.language.internal.pair_scores`.
        """
        super().__init__()
        self.model = model
        self.unknown = model.symbol_ids[UNKNOWN]
        self.symbols = tuple(model.symbol_ids.get(s, self.unknown) for s in charset.symbols)
        self.weight = weight
        self.bonus = bonus
        self.pairs = pairs

    @property
    def highest(self) -> float:
        return self.bonus + (0.0 if self.pairs is None else float(self.pairs.max(initial=0.0)))

    def first(self) -> Content:
        context = self.model.context(BEFORE)
        return context if self.pairs is None else (context, len(self.symbols))

    def score(self, content: Content, label: int) -> float:
        context, before = (content, None) if self.pairs is None else content
        symbol = self.symbols[label]
        score = FLOOR
        if symbol != self.unknown:
            score = max(FLOOR, self.model.log_prob(context, symbol))
        score = self.weight * score + self.bonus
        return score if self.pairs is None else score + float(self.pairs[before, label])

    def next(self, content: Content, label: int) -> Content:
        if self.pairs is None:
            return self.model.follow(content, self.symbols[label])
        return self.model.follow(content[0], self.symbols[label]), label
