"""Turn labels and their frames into the words and characters of a transcription."""

from __future__ import annotations

from bisect import bisect_left
from typing import AbstractSet, Any, List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.decoding.beam_search import SearchResult
from htrlib.decoding.search_steps import SearchHistory
from htrlib.document.charset import Charset
from htrlib.document.results import LogProbs, Word
from htrlib.images.filters import median

Span = Tuple[int, int]


def peak_probabilities(
    values: NDArray[np.floating[Any]], labels: Sequence[int], spans: Sequence[Span]
) -> NDArray[np.float64]:
    """Return (L,) the highest probability of each label within its frames."""
    peaks = [values[start:end, label].max() for label, (start, end) in zip(labels, spans)]
    return np.minimum(np.exp(np.array(peaks, dtype=np.float64)), 1.0)


def character_extents(spans: Sequence[Span], frames: int) -> Tuple[Span, ...]:
    """Estimate the frames that characters occupy on the line.

    A network trained with CTC emits a character in one or two frames near its center. Its extent
    reaches half way to its neighbors, but at most half the line's typical pitch.
    """
    if not spans:
        return ()
    middles = [(start + end) / 2 for start, end in spans]
    pitch = median(np.diff(middles)) if len(spans) > 1 else 0.0
    extents: List[Span] = []
    for index, (start, end) in enumerate(spans):
        before = extents[-1][1] if extents else 0
        after = (end + spans[index + 1][0] + 1) // 2 if index + 1 < len(spans) else frames
        left = max(before, min(start, int(middles[index] - pitch / 2)))
        right = min(after, max(end, int(np.ceil(middles[index] + pitch / 2))))
        extents.append((left, right))
    return tuple(extents)


def word_ranges(text: str) -> Tuple[Span, ...]:
    """Return the (start, end) positions of words, which are separated by white space.

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


def word_posteriors(
    found: SearchResult,
    charset: Charset,
    text: str,
    ranges: Sequence[Span],
    spans: Sequence[Span],
) -> Tuple[float, ...]:
    """Return the fraction of the beam that contains each word of a text, at the word's end.

    At the end of a line, the beam agrees on all but the last words, because competitors of earlier
    words have been dropped; at the end of a word they are still present.
    """
    labels = {symbol: label for label, symbol in enumerate(charset.symbols)}
    spaces = {label for symbol, label in labels.items() if symbol.isspace()}
    posteriors = []
    for first, last in ranges:
        index = len(found.frames) - 1
        if last < len(text):  # after the frames of the following space
            index = min(index, bisect_left(found.frames, spans[last][1] - 1))
        word = [labels[symbol] for symbol in text[first:last]]
        right, total = 0.0, 0.0
        for probability, prefix in found.history.beam(index):
            total += probability
            if _ends_with_word(found.history, prefix, word, spaces):
                right += probability
        posteriors.append(right / total)
    return tuple(posteriors)


def _ends_with_word(
    history: SearchHistory, prefix: int, word: Sequence[int], spaces: AbstractSet[int]
) -> bool:
    """Return whether a prefix ends in a word, with or without spaces after it."""
    parents, labels = history.parents, history.labels
    while prefix and labels[prefix] in spaces:
        prefix = parents[prefix]
    for label in reversed(word):
        if labels[prefix] != label:  # the label of the empty prefix is not a character
            return False
        prefix = parents[prefix]
    return not prefix or labels[prefix] in spaces


def locate(
    log_probs: LogProbs,
    text: str,
    extents: Sequence[Span],
    ranges: Sequence[Span],
    confidences: Sequence[float],
) -> Tuple[Word, ...]:
    """Return pieces of a text with their frames and boxes on the page."""
    pieces = []
    for (first, last), confidence in zip(ranges, confidences):
        start, end = extents[first][0], extents[last - 1][1]
        box = log_probs.frame_box(start, end)
        pieces.append(Word(text[first:last], float(confidence), start, end, box))
    return tuple(pieces)
