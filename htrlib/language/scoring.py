"""The interface of language models for search: score one more character."""

from __future__ import annotations

import math
from typing import Any, Dict

from htrlib.document.charset import Charset
from htrlib.language.ngram import UNKNOWN, Context, NGramModel

FLOOR = -14.0
"""Least natural-log score of a character, and that of all that the model does not know, so that a
recognizer trained on more letters still writes them."""

Content = Any
"""A state: hashable, and meaningful only to its scorer."""


class State:
    """A scorer's state after some characters, with cached scores.

    Attributes:
        content: equal where the same may follow with the same scores.
        factors: label -> factor of that character, as far as asked for.
        followers: label -> state after it, as far as asked for.
    """

    __slots__ = ("content", "factors", "followers")

    def __init__(self, content: Content) -> None:
        self.content = content
        self.factors: Dict[int, float] = {}
        self.followers: Dict[int, State] = {}


class Scorer:
    """Gives each character a factor by which it makes a reading more or less probable.

    This one finds all readings alike. Others define `highest`, `first`, `score`, `next` and `end`.
    A scorer keeps the states it met, and may serve several threads.

    Attributes:
        states_kept: of each scorer, at most; about 1 kB each.
    """

    states_kept = 1 << 15

    def __init__(self) -> None:
        self._states: Dict[Content, State] = {}

    @property
    def highest(self) -> float:
        """No score is above it."""
        return 0.0

    def first(self) -> Content:
        """The content of the state before the first character."""
        return None

    def score(self, content: Content, label: int) -> float:
        """The natural-log score of a label, all weights included."""
        return 0.0

    def next(self, content: Content, label: int) -> Content:
        """The content of the state after a label."""
        return None

    def end(self, content: Content) -> float:
        """The natural-log score of the line ending here."""
        return 0.0

    def start(self) -> State:
        """The state before the first character."""
        if len(self._states) > self.states_kept:
            self._states = {}
        return self._state(self.first())

    def factor(self, state: State, label: int) -> float:
        """e to the score of a label; found in `state.factors` from now on."""
        factor = state.factors[label] = math.exp(self.score(state.content, label))
        return factor

    def follow(self, state: State, label: int) -> State:
        """The state after a label."""
        follower = state.followers.get(label)
        if follower is None:
            follower = state.followers[label] = self._state(self.next(state.content, label))
        return follower

    def _state(self, content: Content) -> State:
        return self._states.get(content) or self._states.setdefault(content, State(content))


class LanguageModelScorer(Scorer):
    """A weighted language model and a bonus for each character.

    A line is cut out of running text: what stands before it is taken for a space, and that it
    ends says nothing.
    """

    def __init__(
        self, model: NGramModel, charset: Charset, weight: float = 1.0, bonus: float = 0.0
    ) -> None:
        """Args:
        weight: of the model's natural-log probabilities, 0 or more.
        bonus: added for each character, in natural-log units.
        """
        super().__init__()
        self._model = model
        self._unknown = model.symbol_ids[UNKNOWN]
        self._symbols = [model.symbol_ids.get(s, self._unknown) for s in charset.symbols]
        self._weight = weight
        self._bonus = bonus

    @property
    def highest(self) -> float:
        return self._bonus

    def first(self) -> Context:
        return self._model.context(" ")

    def score(self, content: Content, label: int) -> float:
        symbol = self._symbols[label]
        score = FLOOR
        if symbol != self._unknown:
            score = max(FLOOR, self._model.log_prob(content, symbol))
        return self._weight * score + self._bonus

    def next(self, content: Content, label: int) -> Content:
        return self._model.follow(content, self._symbols[label])
