"""Prefix beam search over CTC frames, with a score for each new character.

Hannun et al. 2014, "First-Pass Large Vocabulary Continuous Speech Recognition using
Bi-Directional Recurrent DNNs": all paths with the same prefix form one candidate, whose probability
is their sum.

Optimizations that make plain Python fast enough and do not change the result:

- Of consecutive frames that show the same single class, those after the first only change the
  scale.
- A new prefix gets all its probability from its only parent. If that cannot put it among the best,
  it is not created, and its language model score is not computed.
- The most probable label of a frame is tried first, which raises the bar for the others.
- Prefixes are added to the tree only once they are known to be among the best.
- Probabilities are rescaled now and then instead of underflowing, so the inner loop needs no
  logarithms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import attrgetter, itemgetter
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.decoding.defaults import BEAM_WIDTH, PRUNING
from htrlib.language.scoring import Scorer, State

_ROOT = 0
_SMALL = 1e-100
_NEGLIGIBLE = -700.0  # e to this is representable, but negligible next to another class
_probability = itemgetter(0)

# (probability, part ending in a blank, part ending in a character, prefix)
Candidate = Tuple[float, float, float, int]


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


class Prefixes:
    """The tree of prefixes found so far, with their scores. Prefix 0 is the empty one.

    Attributes:
        parents, labels: each prefix is its parent plus one label.
        highest: upper bound of all factors.
        factors: the scorer's factor for the last label of each prefix.
        scores: natural log of the product of all factors of a prefix.
        states: the scorer's state after each prefix, computed by `state` on demand.
        children: maps parent times `classes` plus label to the prefix.
    """

    def __init__(self, classes: int, scorer: Scorer) -> None:
        self.classes = classes
        self.scorer = scorer
        self.highest = math.exp(scorer.highest)
        self.parents = [-1]
        self.labels = [-1]
        self.factors = [1.0]
        self.scores = [0.0]
        self.states: List[Optional[State]] = [scorer.start()]
        self.children: Dict[int, int] = {}

    def entered(self, key: int) -> int:
        """Return the prefix for a key of `children`, adding it to the tree if it is new."""
        prefix = self.children.get(key)
        if prefix is None:
            prefix = self.children[key] = len(self.parents)
            parent, label = divmod(key, self.classes)
            before = self.state(parent)
            factor = before.factors[label]
            self.parents.append(parent)
            self.labels.append(label)
            self.factors.append(factor)
            self.scores.append(self.scores[parent] + math.log(factor))
            self.states.append(before.followers.get(label))  # many are never extended
        return prefix

    def state(self, prefix: int) -> State:
        """Return the scorer's state after a prefix."""
        state = self.states[prefix]
        if state is None:
            parent = self.state(self.parents[prefix])
            state = self.states[prefix] = self.scorer.follow(parent, self.labels[prefix])
        return state

    def read(self, prefix: int) -> Tuple[int, ...]:
        """Return the labels of a prefix."""
        labels: List[int] = []
        while prefix != _ROOT:
            labels.append(self.labels[prefix])
            prefix = self.parents[prefix]
        return tuple(labels[::-1])


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The result of the search, with its history.

    Attributes:
        hypotheses: hypotheses, best first.
        prefixes: tree of the prefixes in the beams.
        frames: frames after which a beam was recorded, ascending.
        beams: (probability, ..., prefix) of each candidate in these beams, best first; the scale is
            common within a beam.
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
    prefixes = Prefixes(values.shape[1], scorer or Scorer())
    margin = 0.0 if pruning is None else math.exp(pruning)
    steps, log_scale = _steps(values, pruning)
    beam: List[Candidate] = [(1.0, 1.0, 0.0, _ROOT)]
    frames, beams = [], []
    for frame, blank, others in steps:
        candidates = _stay(beam, blank, others, prefixes)
        candidates.sort(key=_probability, reverse=True)
        present = {candidate[3] for candidate in beam} if others else set()
        for label, p in others.items():
            best, least = candidates[0][0], 0.0
            if len(candidates) >= beam_width:
                least = candidates[beam_width - 1][0]
            candidates += _longer(beam, label, p, (best, least, margin), present, prefixes)
            candidates.sort(key=_probability, reverse=True)
            del candidates[beam_width:]
        best = candidates[0][0]
        while candidates[-1][0] < best * margin:
            candidates.pop()
        if best == 0.0:  # the scorer excludes all classes of this frame, so skip the frame
            continue
        scale = best if best < _SMALL else 1.0
        log_scale += math.log(scale)
        beam = [
            (
                total / scale,
                by_blank / scale,
                by_character / scale,
                prefix if prefix >= 0 else prefixes.entered(~prefix),
            )
            for total, by_blank, by_character, prefix in candidates
        ]
        frames.append(frame)
        beams.append(beam)
    return SearchResult(
        _hypotheses(beam, log_scale, prefixes), prefixes, tuple(frames), tuple(beams)
    )


def _steps(
    values: NDArray[np.floating[Any]], pruning: Optional[float]
) -> Tuple[List[Tuple[int, float, Dict[int, float]]], float]:
    """Return the frames to search, and the scale of the skipped ones.

    Returns:
        (number, probability of the blank, probabilities of the other classes, best first) of each
        frame; and the sum of the log-probabilities of frames that repeat the only class of the
        frame before.
    """
    floor = _NEGLIGIBLE if pruning is None else pruning
    shown = values >= floor
    shown[np.arange(len(values)), values.argmax(axis=1)] = True
    rows, classes = np.nonzero(shown)
    kept = values[rows, classes].astype(np.float64)
    likeliest_first = np.lexsort((-kept, rows))
    classes, kept = classes[likeliest_first], kept[likeliest_first]
    labels, probabilities = classes.tolist(), np.exp(kept).tolist()
    starts = np.searchsorted(rows, np.arange(len(values) + 1))
    only = np.where(np.diff(starts) == 1, classes[starts[:-1]], -1)
    repeated = np.concatenate(([False], (only[1:] == only[:-1]) & (only[1:] >= 0)))
    steps = []
    for frame in np.flatnonzero(~repeated).tolist():
        start, end = starts[frame], starts[frame + 1]
        others = dict(zip(labels[start:end], probabilities[start:end]))
        blank = others.pop(values.shape[1] - 1, 0.0)
        steps.append((frame, blank, others))
    return steps, float(kept[starts[:-1][repeated]].sum())


def _stay(
    beam: Sequence[Candidate], blank: float, others: Dict[int, float], prefixes: Prefixes
) -> List[Candidate]:
    """Update the beam's prefixes by one frame, including what their parents in the beam add."""
    if not others:
        return [(total * blank, total * blank, 0.0, prefix) for total, _, _, prefix in beam]
    parents, labels, factors = prefixes.parents, prefixes.labels, prefixes.factors
    present = {candidate[3]: candidate for candidate in beam}
    stayed = []
    for total, _, by_character, prefix in beam:
        label = labels[prefix]
        by_blank = total * blank
        p = others.get(label)
        if p is None:
            stayed.append((by_blank, by_blank, 0.0, prefix))
            continue
        grown = by_character * p
        parent = present.get(parents[prefix])
        if parent is not None:
            source = parent[1] if labels[parent[3]] == label else parent[0]
            grown += source * p * factors[prefix]
        stayed.append((by_blank + grown, by_blank, grown, prefix))
    return stayed


def _longer(
    beam: Sequence[Candidate],
    label: int,
    p: float,
    bar: Tuple[float, float, float],
    present: Set[int],
    prefixes: Prefixes,
) -> List[Candidate]:
    """Extend prefixes by a label; return new ones that may be among the best.

    Args:
        p: probability of the label.
        bar: best probability so far, minimum probability, and minimum fraction of the best.
    Returns:
        Candidates with ~key, a negative number, in place of a prefix, which may not exist yet.
    """
    best, least, margin = bar
    least = max(least, best * margin)
    labels, states, children = prefixes.labels, prefixes.states, prefixes.children
    highest = p * prefixes.highest
    found = []
    for total, by_blank, _, prefix in beam:
        if total * highest <= least:  # as are all after it
            break
        source = by_blank if labels[prefix] == label else total
        if source * highest <= least:
            continue
        state = states[prefix] or prefixes.state(prefix)
        factor = state.factors.get(label)
        if factor is None:
            factor = prefixes.scorer.factor(state, label)
        grown = source * p * factor
        if grown > least:
            key = prefix * prefixes.classes + label
            if children.get(key) not in present:
                found.append((grown, 0.0, grown, ~key))
                if grown > best:
                    best = grown
                    least = max(least, best * margin)
    return found


def _hypotheses(
    beam: Sequence[Candidate], log_scale: float, prefixes: Prefixes
) -> Tuple[Hypothesis, ...]:
    found = []
    for total, _, _, prefix in beam:
        if total > 0.0:
            fused = math.log(total) + log_scale
            score = fused + prefixes.scorer.end(prefixes.state(prefix).content)
            log_prob = min(0.0, fused - prefixes.scores[prefix])
            found.append(Hypothesis(prefixes.read(prefix), log_prob, score))
    return tuple(sorted(found, key=attrgetter("score"), reverse=True))
