"""CTC forced alignment: align labels with frames, and compute their probability.

Graves et al. 2006, "Connectionist Temporal Classification".
"""

from __future__ import annotations

import math
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib import compiled
from htrlib.errors import ConfigError

Span = Tuple[int, int]

_IMPOSSIBLE = -1e4  # stands for a probability of 0, so that a best path always exists


def align(values: NDArray[np.floating[Any]], labels: Sequence[int]) -> Tuple[Span, ...]:
    """Return the frames of each label on the most probable path for the labels.

    Args:
        values: (T, C) natural-log probabilities, blank last.
    Returns:
        (first frame, end frame) of each label; the end is exclusive.
    Raises:
        ConfigError: there are too few frames for the labels.
    """
    if not labels:
        return ()
    emissions, passed = _best_path(values, labels)
    if passed is None:
        raise ConfigError(
            f"{len(values)} frames are too few for {len(labels)} labels and the blanks between "
            "equal neighbors; use a recognizer with more frames per line"
        )
    numbers = np.arange(1, emissions.shape[1], 2)
    starts = np.searchsorted(passed, numbers, side="left").tolist()
    ends = np.searchsorted(passed, numbers, side="right").tolist()
    return tuple(zip(starts, ends))


def log_probability(values: NDArray[np.floating[Any]], labels: Sequence[int]) -> float:
    """Compute the natural log of the labels' probability, summed over all paths.

    >>> frames = np.log([[0.4, 0.6], [0.4, 0.6]])
    >>> round(float(np.exp(log_probability(frames, [0]))), 2)
    0.64
    """
    states, emissions, may_skip = _trellis(values, labels)
    scores = np.full(len(states) + 2, -np.inf)
    scores[2:4] = emissions[0, :2]
    for emission in emissions[1:]:
        scores[2:] = emission + np.logaddexp(
            np.logaddexp(scores[2:], scores[1:-1]), scores[:-2] + may_skip
        )
    return float(np.logaddexp.reduce(scores[-2:] if labels else scores[-1:]))


def path_log_probability(values: NDArray[np.floating[Any]], labels: Sequence[int]) -> float:
    """Compute the natural log of the probability of the labels' most probable path.

    It is close to `log_probability` and takes a tenth of the time; -inf if there are too few
    frames.
    """
    if not labels:
        return float(np.maximum(values[:, -1], _IMPOSSIBLE).sum(dtype=np.float64))
    emissions, passed = _best_path(values, labels)
    if passed is None:
        return -math.inf
    return float(emissions[np.arange(len(emissions)), passed].sum())


def _trellis(
    values: NDArray[np.floating[Any]], labels: Sequence[int]
) -> Tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Build the states blank, label, blank, ..., blank.

    Returns:
        The class of each state, and 0 for states whose preceding blank may be skipped, or else
        -inf.
    """
    blank = values.shape[1] - 1
    states = np.full(2 * len(labels) + 1, blank, dtype=np.int64)
    states[1::2] = labels
    may_skip = np.full(len(states), -np.inf)
    may_skip[3::2][states[3::2] != states[1:-2:2]] = 0.0
    return states, values[:, states].astype(np.float64), may_skip


def _best_path(
    values: NDArray[np.floating[Any]], labels: Sequence[int]
) -> Tuple[NDArray[np.float64], Optional[NDArray[np.int64]]]:
    """Return (T, S) the log probability of each state, and (T,) the states of the best path.

    The path is None if there are too few frames.
    """
    _, emissions, may_skip = _trellis(np.maximum(values, _IMPOSSIBLE), labels)
    return emissions, _best_states(emissions, may_skip)


def _best_states(
    emissions: NDArray[np.float64], may_skip: NDArray[np.float64]
) -> Optional[NDArray[np.int64]]:
    """Return the state of each frame on the likeliest path, (T,); None if no path exists."""
    if compiled.library is not None:
        path = compiled.library.best_states(np.ascontiguousarray(emissions), may_skip)
        return None if path is None else np.frombuffer(path, np.int64)
    scores = np.full((len(emissions), len(may_skip) + 2), -np.inf)  # two more than states
    scores[0, 2:4] = emissions[0, :2]
    for before, now, emission in zip(scores, scores[1:, 2:], emissions[1:]):
        np.add(before[:-2], may_skip, out=now)
        np.maximum(now, before[1:-1], out=now)
        np.maximum(now, before[2:], out=now)
        now += emission
    if scores[-1, -2:].max() == -np.inf:
        return None
    return np.array(_trace_back(scores, may_skip))


def _trace_back(scores: NDArray[np.float64], may_skip: NDArray[np.float64]) -> List[int]:
    """Return the state of each frame on the best path."""
    position = scores.shape[1] - (3 if scores[-1, -1] >= scores[-1, -2] else 4)
    path = [position]
    for before in scores[-2::-1]:
        skipped, entered, stayed = before[position : position + 3].tolist()
        skipped += may_skip[position]
        if skipped > stayed and skipped > entered:
            position -= 2
        elif entered > stayed:
            position -= 1
        path.append(position)
    return path[::-1]
