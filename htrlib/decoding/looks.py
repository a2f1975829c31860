"""Choose between the texts that one or more looks at a line give.

A line that is recognized again, from a picture of another scale, is read with other errors. Each
look can say how likely the texts of the others are; the text that all support most is right more
often than the best one of any. And a text of words that the language knows is right more often
than one with words that it does not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import AbstractSet, Mapping, Sequence, Tuple

from htrlib.decoding.alignment import path_log_probability
from htrlib.decoding.beam_search import Hypothesis, SearchResult
from htrlib.document.results import LogProbs
from htrlib.language.words import ENOUGH, count_unknown

Labels = Tuple[int, ...]
Look = Tuple[LogProbs, SearchResult]

COMPARED = 4
"""Texts of each look that are compared. With more, `validation` lines are read no better."""

BEST_LOOK = 0.3
"""Weight of the look that supports a text most; that of the mean of all looks is the rest. A look
in which a letter is cut off or covered says little about the text."""

UNKNOWN_WORD = 2.0
"""Subtracted from the score of a text, a natural log, for each word that is not known."""


def most_supported(looks: Sequence[Look], known: AbstractSet[str] = frozenset()) -> Look:
    """Return the look that gives the best text, and this text as the first of its hypotheses.

    Args:
        looks: recognitions of the same line, and the result of the search in each.
        known: words of the language; fewer than `ENOUGH` are not taken into account.
    """
    charset = looks[0][0].charset

    def unknown(labels: Labels) -> int:
        return count_unknown(charset.decode(labels), known) if len(known) >= ENOUGH else 0

    best = {found.hypotheses[0].labels for _, found in looks}
    if len(best) == 1 and not unknown(*best):
        return looks[0]
    seen = [{one.labels: one.log_prob for one in found.hypotheses} for _, found in looks]

    def score(reading: Tuple[LogProbs, SearchResult, Hypothesis]) -> float:
        _, _, one = reading
        return _support(one, looks, seen) - UNKNOWN_WORD * unknown(one.labels)

    readings = [(*look, one) for look in looks for one in look[1].hypotheses[:COMPARED]]
    line, found, chosen = max(readings, key=score)
    others = (one for one in found.hypotheses if one is not chosen)
    return line, replace(found, hypotheses=(chosen, *others))


def _support(
    hypothesis: Hypothesis, looks: Sequence[Look], seen: Sequence[Mapping[Labels, float]]
) -> float:
    """The score of a hypothesis with the log-probability of its text in all looks, see `BEST_LOOK`.

    Args:
        seen: for each look, the log-probabilities of the texts that its search found.
    """
    labels = hypothesis.labels
    log_probs = [
        found[labels] if labels in found else path_log_probability(line.values, labels)
        for (line, _), found in zip(looks, seen)
    ]
    mean = sum(log_probs) / len(log_probs)
    support = (1 - BEST_LOOK) * mean + BEST_LOOK * max(log_probs)
    return hypothesis.score - hypothesis.log_prob + support
