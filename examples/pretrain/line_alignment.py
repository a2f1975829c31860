"""Align cut lines with their transcripts, to cut words and letters out of them."""

from __future__ import annotations

from typing import Iterator, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from line_source import as_recognized
from line_store import CutLine
from numpy.typing import NDArray
from tqdm import tqdm

from htrlib.bundle import Bundle
from htrlib.decoding.alignment import align
from htrlib.engines.port import LINE_HEIGHT

UNLIKELY = -1.2  # mean natural-log probability per label below which text and picture disagree


class Alignment(NamedTuple):
    """Where a recognizer finds the symbols of a line.

    Attributes:
        frames: how many the line has.
        spans: first and end frame of each symbol.
        peaks: of each symbol, the frame where it is most probable.
        sureness: of each symbol, its natural-log probability there.
    """

    frames: int
    spans: Sequence[Tuple[int, int]]
    peaks: Sequence[int]
    sureness: Sequence[float]


def alignment_of(values: NDArray[np.float32], labels: Sequence[int]) -> Optional[Alignment]:
    """Align labels; None if the recognizer does not find them on the picture.

    Args:
        values: (T, C) natural-log probabilities.
    """
    if len(values) < 2 * len(labels) or not labels:
        return None
    spans = align(values, labels)
    peaks = [a + int(values[a:b, label].argmax()) for (a, b), label in zip(spans, labels)]
    sureness = [float(values[peak, label]) for peak, label in zip(peaks, labels)]
    if float(np.mean(sureness)) < UNLIKELY:
        return None
    return Alignment(len(values), spans, peaks, sureness)


def alignments(lines: Sequence[CutLine], bundle: Bundle) -> Iterator[Optional[Alignment]]:
    """Yield the alignment of each line; None for the consent, and for unknown symbols."""
    engine = bundle.engine()
    for line in tqdm(lines):
        if line.consent or bundle.charset.unknown(line.text):
            yield None
            continue
        (logits,) = engine.read_lines([as_recognized(line, LINE_HEIGHT)])
        peak = logits.max(axis=1, keepdims=True)
        values = logits - peak - np.log(np.exp(logits - peak).sum(axis=1, keepdims=True))
        yield alignment_of(values, bundle.charset.encode(line.text))
