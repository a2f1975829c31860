"""How sure a recognizer is of the characters of lines, whatever they are."""

from __future__ import annotations

from typing import Sequence

import numpy as np
from numpy.typing import NDArray

from htrlib.document.results import LogProbs

FULL_SAMPLE = 40
"""Characters; the mean over fewer does not count in full."""


def sureness(log_probs: Sequence[LogProbs], sample: int = FULL_SAMPLE) -> float:
    """Return the confidence in the characters of lines, from 0 to 1.

    It is the mean over the characters of the best path, where a probability of 0.5 counts as 0.
    Fewer than `sample` characters give a lower value.

    Args:
        log_probs: for each line, (T, C) natural-log probabilities, blank last.
    """
    peaks = character_peaks(log_probs)
    return sum_of_sureness(peaks) / max(len(peaks), sample)


def mean_sureness(log_probs: Sequence[LogProbs]) -> float:
    """Return `sureness` regardless of the number of characters."""
    peaks = character_peaks(log_probs)
    return sum_of_sureness(peaks) / max(len(peaks), 1)


def sum_of_sureness(peaks: NDArray[np.float64]) -> float:
    """Return the weighted number of confident characters; probability 0.5 counts as zero."""
    return float(np.maximum(0.0, 2.0 * peaks - 1.0).sum())


def character_peaks(log_probs: Sequence[LogProbs]) -> NDArray[np.float64]:
    """Return (N,) the highest probability of each character of the best paths of lines."""
    return np.concatenate([np.zeros(0), *(_character_peaks(line.values) for line in log_probs)])


def _character_peaks(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (N,) the highest probability of each character of the best path."""
    best = values.argmax(axis=1)
    starts = np.flatnonzero(np.diff(best, prepend=-1))
    if not len(starts):
        return np.zeros(0)
    peaks = np.maximum.reduceat(np.exp(values.max(axis=1).astype(np.float64)), starts)
    return np.asarray(peaks[best[starts] != values.shape[1] - 1])
