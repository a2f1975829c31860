"""Find where the words of cut lines begin and end, for `word_collage`.

    python find_words.py --lines runs/lines --bundle english

A bundle's recognizer is aligned with each line's transcript; the line is cut where the gap between
two words has least ink. Words that touch stay together. Writes NAME.words.json beside each
collection's `train` lines: for each line, its pieces as [first column, end column, text].
"""

from __future__ import annotations

import json
from typing import List, Optional, Tuple

import numpy as np
from line_alignment import Alignment, alignments, train_lines
from line_store import CutLine

Piece = Tuple[int, int, str]
TOUCHING = 40.0  # mean ink of the clearest column of a gap, of 255, above which words touch


def pieces_of(line: CutLine, alignment: Optional[Alignment]) -> List[Piece]:
    """Cut a line at its gaps; no pieces without an alignment."""
    if alignment is None:
        return []
    columns = line.ink.shape[1]
    scale = columns / alignment.frames
    spans = alignment.spans
    profile = line.masked().mean(axis=0)
    pieces: List[Piece] = []
    start, text = 0, ""
    for at, symbol in enumerate(line.text):
        if symbol != " " or not 0 < at < len(line.text) - 1:
            text += symbol
            continue
        first = round(spans[at - 1][1] * scale)
        end = max(first + 1, round(spans[at + 1][0] * scale))
        cut = first + int(np.argmin(profile[first:end])) if first < columns else columns
        if cut <= start or cut >= columns or profile[cut] > TOUCHING:
            text += symbol
            continue
        pieces.append((start, cut, text))
        start, text = cut, ""
    return [*pieces, (start, columns, text)]


def main() -> None:
    for path, lines, bundle in train_lines(__doc__ or ""):
        pieces = [pieces_of(line, found) for line, found in zip(lines, alignments(lines, bundle))]
        whole = sum(bool(line) for line in pieces)
        path.with_suffix(".words.json").write_text(json.dumps(pieces), encoding="utf-8")
        print(f"{path.stem}: {whole} of {len(pieces)} lines, {sum(map(len, pieces))} pieces")


if __name__ == "__main__":
    main()
