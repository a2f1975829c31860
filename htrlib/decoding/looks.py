"""Choose between the texts that several looks at a line give.

A line that is recognized again, from a picture of another scale, is read with other errors. Each
look can say how likely the text of the other is; the text that both support most is right more
often than that of either.
"""

from __future__ import annotations

from typing import Sequence, Tuple

from htrlib.decoding.alignment import path_log_probability
from htrlib.decoding.beam_search import Hypothesis, SearchResult
from htrlib.document.results import LogProbs

Look = Tuple[LogProbs, SearchResult]


def most_supported(looks: Sequence[Look]) -> Look:
    """Return the look whose best text has most support from all looks, and the language model.

    Args:
        looks: recognitions of the same line, and the result of the search in each.
    """
    best = [found.hypotheses[0] for _, found in looks]
    if len({one.labels for one in best}) == 1:
        return looks[0]
    support = [_support(one, looks) for one in best]
    return looks[support.index(max(support))]


def _support(hypothesis: Hypothesis, looks: Sequence[Look]) -> float:
    """The score of a hypothesis with the mean log-probability of its text in all looks."""
    seen = [path_log_probability(line.values, hypothesis.labels) for line, _ in looks]
    return hypothesis.score - hypothesis.log_prob + sum(seen) / len(seen)
