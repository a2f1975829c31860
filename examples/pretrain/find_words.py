"""Find where the words of cut lines begin and end, for `word_collage`.

    python find_words.py --lines runs/lines --bundle english

A bundle's recognizer is aligned with each line's transcript; the line is cut where the gap between
two words has least ink. Words that touch stay together. Writes NAME.words.json beside each
collection's `train` lines: for each line, its pieces as [first column, end column, text].
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import List, Sequence, Tuple

import numpy as np
from line_source import FRAME, as_recognized
from line_store import CutLine, load
from numpy.typing import NDArray
from tqdm import tqdm

from htrlib.bundle import Bundle, load_bundle
from htrlib.decoding.alignment import align
from htrlib.engines.port import LINE_HEIGHT

Piece = Tuple[int, int, str]
TOUCHING = 40.0  # mean ink of the clearest column of a gap, of 255, above which words touch
UNLIKELY = -1.2  # mean natural-log probability per label below which text and picture disagree


def pieces_of(line: CutLine, values: NDArray[np.float32], labels: Sequence[int]) -> List[Piece]:
    """Cut a line at its gaps.

    Args:
        values: (T, C) natural-log probabilities of the line as recognized.
        labels: labels of its text.
    Returns:
        The pieces in order; none if the recognizer does not find the text on the picture.
    """
    if len(values) < 2 * len(labels) or not labels:
        return []
    spans = align(values, labels)
    sure = [values[first:end, label].max() for (first, end), label in zip(spans, labels)]
    if float(np.mean(sure)) < UNLIKELY:
        return []
    columns = line.ink.shape[1]
    scale = columns / (len(values) * FRAME)
    profile = line.masked().mean(axis=0)
    pieces: List[Piece] = []
    start, text = 0, ""
    for at, symbol in enumerate(line.text):
        if symbol != " " or not 0 < at < len(line.text) - 1:
            text += symbol
            continue
        first = round(spans[at - 1][1] * FRAME * scale)
        end = max(first + 1, round(spans[at + 1][0] * FRAME * scale))
        cut = first + int(np.argmin(profile[first:end])) if first < columns else columns
        if cut <= start or cut >= columns or profile[cut] > TOUCHING:
            text += symbol
            continue
        pieces.append((start, cut, text))
        start, text = cut, ""
    return [*pieces, (start, columns, text)]


def found_pieces(lines: Sequence[CutLine], bundle: Bundle) -> List[List[Piece]]:
    """Return the pieces of each line."""
    engine = bundle.engine()
    found = []
    for line in tqdm(lines):
        if line.consent or bundle.charset.unknown(line.text):
            found.append([])
            continue
        (logits,) = engine.read_lines([as_recognized(line, LINE_HEIGHT)])
        peak = logits.max(axis=1, keepdims=True)
        values = logits - peak - np.log(np.exp(logits - peak).sum(axis=1, keepdims=True))
        found.append(pieces_of(line, values, bundle.charset.encode(line.text)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lines", type=Path, required=True, help="what cut_lines.py wrote")
    parser.add_argument("--bundle", default="english", help="whose recognizer is aligned")
    parser.add_argument("--only", nargs="*", help="collections; default: all")
    args = parser.parse_args()
    bundle = load_bundle(args.bundle)
    for path in sorted(args.lines.glob("*_train.json")):
        if args.only and path.stem[: -len("_train")] not in args.only:
            continue
        pieces = found_pieces(load(path.with_suffix("")), bundle)
        whole = sum(bool(line) for line in pieces)
        path.with_suffix(".words.json").write_text(json.dumps(pieces), encoding="utf-8")
        print(f"{path.stem}: {whole} of {len(pieces)} lines, {sum(map(len, pieces))} pieces")


if __name__ == "__main__":
    main()
