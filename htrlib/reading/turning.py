"""Find the rotation in which a page is read with the highest confidence.

Upright lines give many confident characters, lines upside down as many doubtful ones, and lines on
their side hardly any.
"""

from __future__ import annotations

from typing import List, Sequence, Tuple

from htrlib.decoding.sureness import character_peaks, sum_of_sureness, sureness
from htrlib.document.results import LogProbs, TextLine
from htrlib.images.orientation import SURE

SAMPLE = 6
"""Number of longest lines to examine."""

DOUBTFUL = 0.65
"""Sureness below which a page may be turned. Of 26 pages of `validation` splits, from school hands
to the 18th century, upright ones have 0.66 to 0.96 and turned ones at most 0.61."""

A_FEW = 5
"""Number of characters; a page with fewer may lie on its side."""


def longest(lines: Sequence[TextLine]) -> Tuple[TextLine, ...]:
    """Return the lines by which a page is judged."""
    return tuple(sorted(lines, key=lambda line: line.box.width, reverse=True)[:SAMPLE])


def is_doubtful(lines: Sequence[TextLine], log_probs: Sequence[LogProbs]) -> bool:
    """Return whether a page is read so poorly that it may be rotated.

    Args:
        lines: lines of the page.
        log_probs: log-probabilities of each line.
    """
    if len(lines) != len(log_probs):
        return False
    peaks = character_peaks(_sample(lines, log_probs))
    return len(peaks) < A_FEW or sum_of_sureness(peaks) < DOUBTFUL * len(peaks)


def is_sure(lines: Sequence[TextLine], log_probs: Sequence[LogProbs]) -> bool:
    """Return whether a page is read so well that it is certainly upright; see `is_doubtful`."""
    return len(lines) == len(log_probs) and sureness(_sample(lines, log_probs)) >= SURE


def _sample(lines: Sequence[TextLine], log_probs: Sequence[LogProbs]) -> List[LogProbs]:
    """Return the log-probabilities of the longest lines."""
    widest = sorted(range(len(lines)), key=lambda i: lines[i].box.width, reverse=True)[:SAMPLE]
    return [log_probs[index] for index in widest]
