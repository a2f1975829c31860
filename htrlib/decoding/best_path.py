"""Best-path decoding: the likeliest class of each frame, repeats merged, blanks dropped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Tuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class AlignedLabels:
    """Labels and the frames that write them.

    Attributes:
        labels: without blanks.
        spans: (first frame, frame after the last) of each label, in order, not overlapping.
        log_prob: natural log of the probability of this one path through the frames.
    """

    labels: Tuple[int, ...]
    spans: Tuple[Tuple[int, int], ...]
    log_prob: float


def best_path(values: NDArray[np.floating[Any]]) -> AlignedLabels:
    """Read the likeliest path.

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
        log_prob=float(values.max(axis=1).sum(dtype=np.float64)),
    )
