"""Prefix beam search over CTC frames, with a score for each new character.

Hannun et al. 2014, "First-Pass Large Vocabulary Continuous Speech Recognition using
Bi-Directional Recurrent DNNs": all paths that write the same prefix are one candidate, and its
probability is that of all of them.

Three observations make plain Python fast enough, and none of them changes the result:

- Of neighboring frames that show one and the same class, those after the first only change the
  scale.
- A prefix has one parent, so a new prefix is worth what its parent gives it and no more. One that
  cannot be among the best is not made, and its language model score not asked for.
- Products of probabilities do not underflow when they are scaled now and then, so the inner loop
  takes no logarithms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.decoding.defaults import BEAM_WIDTH, PRUNING
from htrlib.language.scoring import Scorer, State

_ROOT = 0
_SMALL = 1e-100
_NEGLIGIBLE = -700.0  # e to this is a number yet, and nothing beside another class
_probability = itemgetter(0)

# (probability, of which ending in blank, of which ending in a character, prefix)
Candidate = Tuple[float, float, float, int]


@dataclass(frozen=True)
class Hypothesis:
    """One reading of a line.

    Attributes:
        labels: without blanks.
        log_prob: natural log of the probability that the frames give it, over all paths kept.
        score: `log_prob` plus the scorer's scores; hypotheses are ranked by it.
    """

    labels: Tuple[int, ...]
    log_prob: float
    score: float


class Prefixes:
    """The tree of prefixes met so far, each with its score. Prefix 0 is the empty one.

    Attributes:
        parents, labels: each prefix is its parent and one more label.
        factors: by which the scorer changes the probability for that label.
        children: parent times `classes` plus label -> prefix.
    """

    def __init__(self, classes: int, scorer: Scorer) -> None:
        self.classes = classes
        self.scorer = scorer
        self.parents = [-1]
        self.labels = [-1]
        self.factors = [1.0]
        self.children: Dict[int, int] = {}
        self._states: List[Optional[State]] = [scorer.start()]

    def add(self, parent: int, label: int, factor: float) -> int:
        """A new prefix: a parent and one more label."""
        prefix = self.children[parent * self.classes + label] = len(self.parents)
        self.parents.append(parent)
        self.labels.append(label)
        self.factors.append(factor)
        self._states.append(None)  # many are never extended
        return prefix

    def state(self, prefix: int) -> State:
        """The scorer's state after a prefix."""
        state = self._states[prefix]
        if state is None:
            parent = self.state(self.parents[prefix])
            state = self._states[prefix] = self.scorer.follow(parent, self.labels[prefix])
        return state

    def score(self, prefix: int) -> float:
        """The natural log of all factors of a prefix."""
        score = 0.0
        while prefix != _ROOT:
            score += math.log(self.factors[prefix])
            prefix = self.parents[prefix]
        return score

    def read(self, prefix: int, most: Optional[int] = None) -> Tuple[int, ...]:
        """The labels of a prefix; of a long one, no more than the last so many."""
        labels: List[int] = []
        while prefix != _ROOT and len(labels) != most:
            labels.append(self.labels[prefix])
            prefix = self.parents[prefix]
        return tuple(labels[::-1])


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search found, and how it came there.

    Attributes:
        hypotheses: best first.
        prefixes: that all beams refer to.
        frames: the frames after which a beam was recorded, ascending.
        beams: (probability, ..., prefix) of each candidate then, best first, to a common scale
            within one beam.
    """

    hypotheses: Tuple[Hypothesis, ...]
    prefixes: Prefixes
    frames: Tuple[int, ...]
    beams: Tuple[Sequence[Candidate], ...]


def beam_search(
    values: NDArray[np.floating[Any]],
    beam_width: int = BEAM_WIDTH,
    pruning: Optional[float] = PRUNING,
    scorer: Optional[Scorer] = None,
) -> SearchResult:
    """Search a line for its likeliest readings.

    Args:
        values: (T, C) natural-log probabilities, blank last.
        beam_width: how many prefixes are kept from frame to frame.
        pruning: classes below this natural-log probability in a frame are left out there, except
            its best one, and prefixes further below the best one than this; None leaves
            out none.
        scorer: adds a score for each character.

    >>> frames = np.log([[0.4, 1e-9, 0.6], [0.4, 1e-9, 0.6]])
    >>> best = beam_search(frames).hypotheses[0]
    >>> best.labels, round(math.exp(best.log_prob), 2)
    ((0,), 0.64)
    """
    prefixes = Prefixes(values.shape[1], scorer or Scorer())
    margin = 0.0 if pruning is None else math.exp(pruning)
    steps, log_scale = _steps(values, pruning)
    beam: List[Candidate] = [(1.0, 1.0, 0.0, _ROOT)]
    frames, beams = [], []
    for frame, blank, others in steps:
        present = {candidate[3]: candidate for candidate in beam}
        candidates = _stay(present, blank, others, prefixes)
        if others:
            least = max(candidates)[0] * margin
            if len(candidates) >= beam_width:
                least = max(least, min(candidates)[0])
            candidates += _new(present, others, least, prefixes)
        candidates.sort(key=_probability, reverse=True)
        del candidates[beam_width:]
        best = candidates[0][0]
        while candidates[-1][0] < best * margin:
            candidates.pop()
        if best == 0.0:  # the scorer rules out all that this frame shows: do without the frame
            continue
        if best < _SMALL:
            candidates = [(p / best, b / best, c / best, node) for p, b, c, node in candidates]
            log_scale += math.log(best)
        beam = candidates
        frames.append(frame)
        beams.append(beam)
    return SearchResult(
        _hypotheses(beam, log_scale, prefixes), prefixes, tuple(frames), tuple(beams)
    )


def _steps(
    values: NDArray[np.floating[Any]], pruning: Optional[float]
) -> Tuple[List[Tuple[int, float, Dict[int, float]]], float]:
    """The frames to go through, and the scale that the others give.

    Returns:
        (number, the blank's probability, the other classes' probabilities) of each frame, and the
        sum of the log-probabilities of the frames that repeat the only class of the one before.
    """
    floor = _NEGLIGIBLE if pruning is None else pruning
    shown = values >= floor
    shown[np.arange(len(values)), values.argmax(axis=1)] = True
    rows, classes = np.nonzero(shown)
    kept = values[rows, classes].astype(np.float64)
    starts = np.searchsorted(rows, np.arange(len(values) + 1))
    only = np.where(np.diff(starts) == 1, classes[starts[:-1]], -1)
    repeated = np.concatenate(([False], (only[1:] == only[:-1]) & (only[1:] >= 0)))
    labels, probabilities = classes.tolist(), np.exp(kept).tolist()
    steps = []
    for frame in np.flatnonzero(~repeated).tolist():
        start, end = starts[frame], starts[frame + 1]
        others = dict(zip(labels[start:end], probabilities[start:end]))
        blank = others.pop(values.shape[1] - 1, 0.0)
        steps.append((frame, blank, others))
    return steps, float(kept[starts[:-1][repeated]].sum())


def _stay(
    beam: Dict[int, Candidate], blank: float, others: Dict[int, float], prefixes: Prefixes
) -> List[Candidate]:
    """The prefixes of the beam after one more frame, what their parents there add included."""
    parents, labels, factors = prefixes.parents, prefixes.labels, prefixes.factors
    stayed = []
    for prefix, (total, _, by_character, _) in beam.items():
        label = labels[prefix]
        p = others.get(label)
        grown = 0.0
        if p is not None:
            grown = by_character * p
            parent = beam.get(parents[prefix])
            if parent is not None:
                source = parent[1] if labels[parent[3]] == label else parent[0]
                grown += source * p * factors[prefix]
        by_blank = total * blank
        stayed.append((by_blank + grown, by_blank, grown, prefix))
    return stayed


def _new(
    beam: Dict[int, Candidate], others: Dict[int, float], least: float, prefixes: Prefixes
) -> List[Candidate]:
    """The prefixes one label longer that are not in the beam and more probable than `least`."""
    labels, classes, children = prefixes.labels, prefixes.classes, prefixes.children
    highest = math.exp(prefixes.scorer.highest)
    found = []
    for label, p in others.items():
        limit = least / (p * highest)
        for prefix, (total, by_blank, _, _) in beam.items():
            if total <= limit:  # and so are all after it
                break
            source = by_blank if labels[prefix] == label else total
            if source <= limit:
                continue
            state = prefixes.state(prefix)
            factor = state.factors.get(label)
            if factor is None:
                factor = prefixes.scorer.factor(state, label)
            grown = source * p * factor
            if grown > least:
                child = children.get(prefix * classes + label)
                if child is None:
                    child = prefixes.add(prefix, label, factor)
                elif child in beam:
                    continue
                found.append((grown, 0.0, grown, child))
    return found


def _hypotheses(
    beam: Sequence[Candidate], log_scale: float, prefixes: Prefixes
) -> Tuple[Hypothesis, ...]:
    found = []
    for total, _, _, prefix in beam:
        if total > 0.0:
            fused = math.log(total) + log_scale
            score = fused + prefixes.scorer.end(prefixes.state(prefix).content)
            log_prob = min(0.0, fused - prefixes.score(prefix))
            found.append(Hypothesis(prefixes.read(prefix), log_prob, score))
    return tuple(sorted(found, key=attrgetter("score"), reverse=True))
