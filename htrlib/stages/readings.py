"""From labels and their frames to the words and characters of a transcription."""

from __future__ import annotations

from typing import List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.document import LogProbs, Word
from htrlib.stages.best_path import AlignedLabels

Span = Tuple[int, int]


def character_probabilities(
    values: NDArray[np.floating], aligned: AlignedLabels
) -> NDArray[np.float64]:
    """(L,) the highest probability that the network gives each label within its frames."""
    peaks = [
        values[start:end, label].max() for label, (start, end) in zip(aligned.labels, aligned.spans)
    ]
    return np.minimum(np.exp(np.array(peaks, dtype=np.float64)), 1.0)


def character_extents(spans: Sequence[Span], frames: int) -> Tuple[Span, ...]:
    """The frames that characters take up on the line.

    A network trained with CTC writes a character in a frame or two near its middle. The extent
    reaches half way to the neighbors, but no further than half the line's usual pitch.
    """
    if not spans:
        return ()
    middles = [(start + end) / 2 for start, end in spans]
    pitch = float(np.median(np.diff(middles))) if len(spans) > 1 else 0.0
    extents: List[Span] = []
    for index, (start, end) in enumerate(spans):
        before = extents[-1][1] if extents else 0
        after = (end + spans[index + 1][0] + 1) // 2 if index + 1 < len(spans) else frames
        left = max(before, min(start, int(middles[index] - pitch / 2)))
        right = min(after, max(end, int(np.ceil(middles[index] + pitch / 2))))
        extents.append((left, right))
    return tuple(extents)


def word_ranges(text: str) -> Tuple[Span, ...]:
    """The (start, end) positions in a text of what stands between white space.

    >>> word_ranges(" to  be")
    ((1, 3), (5, 7))
    """
    ranges: List[Span] = []
    start = None
    for position, character in enumerate(text + " "):
        if character.isspace():
            if start is not None:
                ranges.append((start, position))
            start = None
        elif start is None:
            start = position
    return tuple(ranges)


def locate(
    log_probs: LogProbs,
    text: str,
    extents: Sequence[Span],
    ranges: Sequence[Span],
    confidences: Sequence[float],
) -> Tuple[Word, ...]:
    """The pieces of a text, each with its frames and its box on the page."""
    pieces = []
    for (first, last), confidence in zip(ranges, confidences):
        start, end = extents[first][0], extents[last - 1][1]
        box = log_probs.frame_box(start, end)
        pieces.append(Word(text[first:last], float(confidence), start, end, box))
    return tuple(pieces)
