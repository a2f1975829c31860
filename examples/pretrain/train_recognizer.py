"""Train the line recognizer on real lines and on rendered ones.

    python train_recognizer.py --data ../../../shared/data --found runs/found \
        --rendered runs/line-pages --init runs/line-segmentation --minutes 160 \
        --output runs/recognizer

The result is the bundle of `--init` with the recognizer added, or trained further where it has one.
Real lines are there twice: as their labels cut them, and as the segmenter does. Started
again, it goes on.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Iterator, List, Sequence, Tuple

import numpy as np
from by_clock import parsed, parser_of, train
from labeled import SPLITS, load_labeled, usable

from htrlib import data
from htrlib.data.samples import LabeledLine, concatenate
from htrlib.document.geometry import Box, Point, Polygon
from htrlib.document.results import TextLine

PIECE = 4  # words at most: CTC finds on short lines where letters stand, and hardly on long ones
PIECE_SHARE = 0.5  # of the rendered lines, of which a piece is taken instead


def lines(labeled: Path, found: Path, rendered: Path) -> Tuple[data.Dataset, data.Dataset]:
    """What the recognizer learns from, and what its best parameters are chosen by."""
    learned: List[data.Dataset] = []
    chosen: List[data.Dataset] = []
    for name, split in SPLITS:
        both = load_labeled(labeled, name, split), data.load("page_xml", found / f"{name}_{split}")
        (learned if split == "train" else chosen).extend(both)
    real = concatenate(learned).filter_lines(usable, "picture and text disagree")
    validation = concatenate(chosen).filter_lines(
        lambda line: usable(line) and "consent" not in line.tags, "a text that many wrote"
    )
    return real + pieces(data.load("page_xml", rendered), np.random.default_rng(0)), validation


def pieces(rendered: data.Dataset, rng: np.random.Generator) -> data.Dataset:
    """The pages with a few words in the place of some of their lines."""
    pages = (
        replace(page, lines=tuple(_pieces(page.lines, rng)), source=f"rendered/{page.source}")
        for page in rendered.pages
    )
    return data.Dataset(tuple(pages), rendered.problems)


def _pieces(whole: Sequence[LabeledLine], rng: np.random.Generator) -> Iterator[LabeledLine]:
    for line in whole:
        if line.line is None or not line.words or rng.random() >= PIECE_SHARE:
            yield line
            continue
        count = min(len(line.words), int(rng.integers(1, PIECE + 1)))
        first = int(rng.integers(0, len(line.words) - count + 1))
        words = line.words[first : first + count]
        left, right = min(w.box.left for w in words), max(w.box.right for w in words)
        text = " ".join(word.text for word in words)
        yield LabeledLine(text, _between(line.line, left, right), words)


def _between(line: TextLine, left: float, right: float) -> TextLine:
    """The part of a line between two columns."""
    if line.polygon is None:
        return TextLine(Box(left, line.box.top, right, line.box.bottom))
    points = _cut(line.polygon.points, left, 1)
    polygon = Polygon(_cut(points, right, -1))
    return TextLine(polygon.box, polygon, line.baseline)


def _cut(points: Sequence[Point], column: float, side: int) -> Tuple[Point, ...]:
    """The part of an outline to the right (1) or left (-1) of a column."""
    kept: List[Point] = []
    for (x0, y0), (x1, y1) in zip((points[-1], *points), points):
        if (x0 - column) * (x1 - column) < 0:
            kept.append((column, y0 + (y1 - y0) * (column - x0) / (x1 - x0)))
        if side * (x1 - column) >= 0:
            kept.append((x1, y1))
    return tuple(kept)


def main(arguments: Sequence[str] = ()) -> int:
    parser = parser_of(__doc__.splitlines()[0])
    parser.add_argument("--found", type=Path, required=True, help="what find_lines.py wrote")
    parser.add_argument("--rendered", type=Path, required=True, help="folder of rendered pages")
    parser.add_argument("--learning-rate", type=float, default=1.2e-3, help="at its peak")
    args = parsed(parser, arguments)
    return train(
        "line-recognition",
        args,
        *lines(args.data, args.found, args.rendered),
        learning_rate=args.learning_rate,
        flat=0.35,
        charset="keep",
    )


if __name__ == "__main__":
    sys.exit(main())
