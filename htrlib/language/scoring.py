"""What a search asks of a language model: the score of one more character."""

from __future__ import annotations

from typing import Any, Protocol, Tuple

from htrlib.charset import Charset
from htrlib.language.ngram import UNKNOWN, Context, NGramModel

FLOOR = -14.0
"""Least natural-log score of a character, and that of all that the model does not know, so that a
recognizer trained on more letters still writes them."""

State = Any


class Scorer(Protocol):
    """Natural-log scores of labels in context, weights included."""

    @property
    def highest(self) -> float:
        """No step scores more."""

    def start(self) -> State:
        """The state before the first character."""

    def step(self, state: State, label: int) -> Tuple[float, State]:
        """The score of one more character, and the state after it."""

    def end(self, state: State) -> float:
        """The score of the line ending in a state."""


class LanguageModelScorer:
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
        self._model = model
        self._unknown = model.symbol_ids[UNKNOWN]
        self._symbols = [model.symbol_ids.get(s, self._unknown) for s in charset.symbols]
        self._weight = weight
        self._bonus = bonus

    @property
    def highest(self) -> float:
        return self._bonus

    def start(self) -> Context:
        return self._model.context(" ")

    def step(self, state: Context, label: int) -> Tuple[float, Context]:
        symbol = self._symbols[label]
        score = FLOOR
        if symbol != self._unknown:
            score = max(FLOOR, float(self._model.row(state)[symbol]))
        return self._weight * score + self._bonus, self._model.follow(state, symbol)

    def end(self, state: Context) -> float:
        return 0.0
