"""Find the rotation in which a page is read with the highest confidence.

Upright lines give many confident characters, lines upside down as many doubtful ones, and lines on
their side hardly any.
"""

from __future__ import annotations

from typing import List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.document.results import LogProbs, TextLine
from htrlib.images.orientation import SURE

SAMPLE = 6
"""Number of longest lines to examine."""

DOUBTFUL = 0.65
"""Sureness below which a page may be turned. Of 26 pages of `validation` splits, from school hands
to the 18th century, upright ones have 0.66 to 0.96 and turned ones at most 0.61."""

FULL_SAMPLE = 40
"""Characters; the mean over fewer does not count in full."""

A_FEW = 5
"""Number of characters; a page with fewer may lie on its side."""


def longest(lines: Sequence[TextLine]) -> Tuple[TextLine, ...]:
    """Return the lines by which a page is judged."""
    return tuple(sorted(lines, key=lambda line: line.box.width, reverse=True)[:SAMPLE])


def sureness(log_probs: Sequence[LogProbs], sample: int = FULL_SAMPLE) -> float:
    """Return the confidence in the characters of lines, from 0 to 1.

    It is the mean over the characters of the best path, where a probability of 0.5 counts as 0.
    Fewer than `sample` characters give a lower value.

    Args:
        log_probs: for each line, (T, C) natural-log probabilities, blank last.
    """
    peaks = _peaks(log_probs)
    return _sure(peaks) / max(len(peaks), sample)


def mean_sureness(log_probs: Sequence[LogProbs]) -> float:
    """Return `sureness` regardless of the number of characters."""
    peaks = _peaks(log_probs)
    return _sure(peaks) / max(len(peaks), 1)


def is_doubtful(lines: Sequence[TextLine], log_probs: Sequence[LogProbs]) -> bool:
    """Return whether a page is read so poorly that it may be rotated.

    Args:
        lines: lines of the page.
        log_probs: log-probabilities of each line.
    """
    if len(lines) != len(log_probs):
        return False
    peaks = _peaks(_sample(lines, log_probs))
    return len(peaks) < A_FEW or _sure(peaks) < DOUBTFUL * len(peaks)


def is_sure(lines: Sequence[TextLine], log_probs: Sequence[LogProbs]) -> bool:
    """Return whether a page is read so well that it is certainly upright; see `is_doubtful`."""
    return len(lines) == len(log_probs) and sureness(_sample(lines, log_probs)) >= SURE


def _sample(lines: Sequence[TextLine], log_probs: Sequence[LogProbs]) -> List[LogProbs]:
    """Return the log-probabilities of the longest lines."""
    widest = sorted(range(len(lines)), key=lambda i: lines[i].box.width, reverse=True)[:SAMPLE]
    return [log_probs[index] for index in widest]


def _sure(peaks: NDArray[np.float64]) -> float:
    """Return the weighted number of confident characters; probability 0.5 counts as zero."""
    return float(np.maximum(0.0, 2.0 * peaks - 1.0).sum())


def _peaks(log_probs: Sequence[LogProbs]) -> NDArray[np.float64]:
    return np.concatenate([np.zeros(0), *(_character_peaks(line.values) for line in log_probs)])


def _character_peaks(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (N,) the highest probability of each character of the best path."""
    best = values.argmax(axis=1)
    starts = np.flatnonzero(np.diff(best, prepend=-1))
    if not len(starts):
        return np.zeros(0)
    peaks = np.maximum.reduceat(np.exp(values.max(axis=1).astype(np.float64)), starts)
    return np.asarray(peaks[best[starts] != values.shape[1] - 1])
