"""Align cut lines with their transcripts, to cut words and letters out of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from line_store import CutLine, as_recognized, load
from numpy.typing import NDArray
from tqdm import tqdm

from htrlib.bundle import Bundle, load_bundle
from htrlib.decoding.alignment import align
from htrlib.document.results import LogProbs
from htrlib.engines.port import LINE_HEIGHT
from htrlib.stages.recognition import log_probs_of

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


def recognized(lines: Iterable[CutLine], bundle: Bundle) -> Iterator[LogProbs]:
    """Yield what a bundle's recognizer says of each line."""
    engine = bundle.engine()
    for line in lines:
        ink = as_recognized(line, LINE_HEIGHT)
        (values,) = log_probs_of(engine.read_lines, [ink], ink.shape[1])
        yield LogProbs(values, bundle.charset)


def alignments(lines: Sequence[CutLine], bundle: Bundle) -> Iterator[Optional[Alignment]]:
    """Yield the alignment of each line; None for the consent, and for unknown symbols."""

    def alignable(line: CutLine) -> bool:
        return not line.consent and not bundle.charset.unknown(line.text)

    said = recognized(filter(alignable, lines), bundle)
    for line in tqdm(lines):
        if alignable(line):
            yield alignment_of(next(said).values, bundle.charset.encode(line.text))
        else:
            yield None


def train_lines(program: str) -> Iterator[Tuple[Path, List[CutLine], Bundle]]:
    """Parse the command line of a program that cuts `train` lines by a bundle's alignment.

    Args:
        program: its docstring.
    Yields:
        The index of a collection's lines, these lines, and the bundle.
    """
    parser = argparse.ArgumentParser(description=program.splitlines()[0])
    parser.add_argument("--lines", type=Path, required=True, help="what cut_lines.py wrote")
    parser.add_argument("--bundle", default="english", help="whose recognizer is aligned")
    parser.add_argument("--only", nargs="*", help="collections; default: all")
    args = parser.parse_args()
    bundle = load_bundle(args.bundle)
    for path in sorted(args.lines.glob("*_train.json")):
        if not args.only or path.stem[: -len("_train")] in args.only:
            yield path, load(path.with_suffix("")), bundle
