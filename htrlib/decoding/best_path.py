"""Best-path decoding: the most probable class of each frame, without repeats and blanks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Tuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class AlignedLabels:
    """Labels with their frames.

    Attributes:
        labels: labels without blanks.
        spans: (first frame, end frame) of each label, ascending and disjoint; ends are exclusive.
        log_prob: natural log of the probability of this single path.
    """

    labels: Tuple[int, ...]
    spans: Tuple[Tuple[int, int], ...]
    log_prob: float


def best_path(values: NDArray[np.floating[Any]]) -> AlignedLabels:
    """Return the most probable path.

    Args:
        values: (T, C) natural-log probabilities, blank last.

    >>> frames = np.log([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.7, 0.3]])
    >>> best_path(frames).labels, best_path(frames).spans
    ((0, 0), ((0, 2), (3, 4)))
    """
    path = values.argmax(axis=1)
    starts = np.flatnonzero(np.concatenate(([True], path[1:] != path[:-1])))
    ends = np.append(starts[1:], len(path))
    written = path[starts] != values.shape[1] - 1
    return AlignedLabels(
        labels=tuple(path[starts[written]].tolist()),
        spans=tuple(zip(starts[written].tolist(), ends[written].tolist())),
        log_prob=min(0.0, float(values.max(axis=1).sum(dtype=np.float64))),
    )
