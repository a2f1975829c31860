"""The inner loop of the beam search in Python; `compiled_sources/search.c` is the same in C.

Optimizations that make plain Python fast enough and do not change the result:

- A new prefix gets all its probability from its only parent. If that cannot put it among the best,
  it is not created, and its language model score is not computed.
- The most probable label of a frame is tried first, which raises the bar for the others.
- Prefixes are added to the tree only once they are known to be among the best.
- Probabilities are rescaled now and then instead of underflowing, so the inner loop needs no
  logarithms.
"""

from __future__ import annotations

import math
from operator import itemgetter
from typing import Dict, Iterator, List, Optional, Sequence, Set, Tuple

import numpy as np

from htrlib.decoding.search_steps import SearchHistory, Steps
from htrlib.language.scoring import Scorer, State

_ROOT = 0
_SMALL, _LARGE = 1e-100, 1e100
_probability = itemgetter(0)

# (probability, part ending in a blank, part ending in a character, prefix)
Candidate = Tuple[float, float, float, int]


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


def prefix_search(
    steps: Steps, classes: int, beam_width: int, margin: float, scorer: Scorer
) -> SearchHistory:
    """Search the frames of a line.

    Args:
        classes: number of labels without the blank.
        margin: minimum probability, as a fraction of the best prefix's.
    """
    prefixes = Prefixes(classes, scorer)
    beam: List[Candidate] = [(1.0, 1.0, 0.0, _ROOT)]
    recorded, beams, log_scale = [], [], steps.log_scale
    for step, (blank, others) in enumerate(_shown(steps)):
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
        scale = best if not _SMALL <= best <= _LARGE else 1.0
        log_scale += math.log(scale)
        beam = [_entered(candidate, scale, prefixes) for candidate in candidates]
        recorded.append(step)
        beams.append(beam)
    return SearchHistory(
        prefixes.parents,
        prefixes.labels,
        prefixes.scores,
        np.array(recorded, np.int64),
        np.cumsum([len(beam) for beam in beams], dtype=np.int64),
        np.array([candidate[3] for beam in beams for candidate in beam], np.int64),
        np.array([candidate[0] for beam in beams for candidate in beam], np.float64),
        log_scale,
    )


def _shown(steps: Steps) -> Iterator[Tuple[float, Dict[int, float]]]:
    """Yield the probability of the blank and those of the other classes, step by step."""
    labels, probabilities = steps.labels.tolist(), steps.probabilities.tolist()
    starts = steps.starts.tolist()
    for blank, start, end in zip(steps.blanks.tolist(), starts, starts[1:]):
        yield blank, dict(zip(labels[start:end], probabilities[start:end]))


def _entered(candidate: Candidate, scale: float, prefixes: Prefixes) -> Candidate:
    """Return a candidate with its probabilities divided by the scale, its prefix numbered."""
    total, by_blank, by_character, prefix = candidate
    number = prefix if prefix >= 0 else prefixes.entered(~prefix)
    return total / scale, by_blank / scale, by_character / scale, number


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
