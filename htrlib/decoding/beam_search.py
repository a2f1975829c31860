"""Prefix beam search over CTC frames, with a score for each new character.

Hannun et al. 2014, "First-Pass Large Vocabulary Continuous Speech Recognition using
Bi-Directional Recurrent DNNs": all paths with the same prefix form one candidate, whose probability
is their sum.

Of consecutive frames that show the same single class, those after the first only change the scale,
so they are skipped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, List, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.decoding.compiled_search import compiled_search
from htrlib.decoding.defaults import BEAM_WIDTH, PRUNING
from htrlib.decoding.prefix_search import prefix_search
from htrlib.decoding.search_steps import SearchHistory, steps_of
from htrlib.language.scoring import Scorer


@dataclass(frozen=True)
class Hypothesis:
    """One hypothesis for a line.

    Attributes:
        labels: labels without blanks.
        log_prob: natural log of its probability, summed over all paths kept.
        score: `log_prob` plus the scorer's scores; hypotheses are ranked by it.
    """

    labels: Tuple[int, ...]
    log_prob: float
    score: float


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The result of the search, with its history.

    Attributes:
        hypotheses: hypotheses, best first.
        frames: frames after which a beam was recorded, ascending.
        history: tree of prefixes, and these beams.
    """

    hypotheses: Tuple[Hypothesis, ...]
    frames: Tuple[int, ...]
    history: SearchHistory


def beam_search(
    values: NDArray[np.floating[Any]],
    beam_width: int = BEAM_WIDTH,
    pruning: Optional[float] = PRUNING,
    scorer: Optional[Scorer] = None,
) -> SearchResult:
    """Find the most probable texts of a line.

    Args:
        values: (T, C) natural-log probabilities, blank last.
        beam_width: number of prefixes kept from frame to frame.
        pruning: in each frame, skip classes below this natural-log probability, except the best
            one, and drop prefixes that are further below the best one; None prunes nothing.
        scorer: adds a score for each character.

    >>> frames = np.log([[0.4, 1e-9, 0.6], [0.4, 1e-9, 0.6]])
    >>> best = beam_search(frames).hypotheses[0]
    >>> best.labels, round(math.exp(best.log_prob), 2)
    ((0,), 0.64)
    """
    scorer = scorer or Scorer()
    margin = 0.0 if pruning is None else math.exp(pruning)
    steps = steps_of(values, pruning)
    search = steps, values.shape[1] - 1, beam_width, margin, scorer
    history = compiled_search(*search) or prefix_search(*search)
    frames = tuple(steps.frames[history.steps].tolist())
    return SearchResult(_hypotheses(history, scorer), frames, history)


def _hypotheses(history: SearchHistory, scorer: Scorer) -> Tuple[Hypothesis, ...]:
    last = len(history.ends) - 1
    found: List[Hypothesis] = []
    beam = history.beam(last) if last >= 0 else [(1.0, 0)]
    beam = [(total, prefix) for total, prefix in beam if total > 0.0]
    for (total, prefix), labels in zip(beam, history.read([prefix for _, prefix in beam])):
        fused = math.log(total) + history.log_scale
        score = fused + scorer.ending(labels)
        log_prob = min(0.0, fused - history.scores[prefix])
        found.append(Hypothesis(labels, log_prob, score))
    return tuple(sorted(found, key=attrgetter("score"), reverse=True))
