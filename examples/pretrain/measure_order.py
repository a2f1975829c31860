"""Measure the reading order of lines on rendered columns and on pages set side by side.

    python measure_order.py --fonts runs/fonts --data ../../../shared/data --first 1000

Columns are rendered in held-out fonts, from held-out texts; pages side by side are `validation`
pages of different collections. The labels of some are not in reading order (a sheet's reference
comes last, a heading after the line below it), so those of a page of one column are taken from top
to bottom. For each layout, prints the lines found at IoU 0.4, how many of them follow the line that
they should follow, and on how many pages all of them do.
"""

from __future__ import annotations

import argparse
from itertools import combinations
from pathlib import Path
from typing import Iterator, List, Sequence, Tuple

import numpy as np
from document_stock import load_stock
from labeled import load_labeled
from numpy.typing import NDArray
from PIL import Image
from render_documents import render_document

import htrlib
from htrlib.document.geometry import Box
from htrlib.document.results import TextLine

NARROWEST = 700  # pixels: of a rendered page
BESIDE = ("copiste", "fondue18", "htromance", "cremma18")  # collections put side by side
FOUND = 0.4  # IoU
MOST_BESIDE = 3  # lines that have others beside them on a page of one column

Page = Tuple[NDArray[np.uint8], Sequence[Box]]


def rendered(fonts: Path, data: Path, layout: str, seeds: Sequence[int]) -> Iterator[Page]:
    """Yield pages and the boxes of their lines in reading order."""
    stock = load_stock(fonts, data / "text", validation=True)
    for seed in seeds:
        tries = (
            render_document(stock, np.random.default_rng((seed, again)), layout)
            for again in range(100)
        )
        page = next(page for page in tries if page.image.shape[1] >= NARROWEST)
        yield page.image, [line.line.box for line in page.lines if line.text and line.line]


def side_by_side(data: Path, pairs: int) -> Iterator[Page]:
    """Yield two `validation` pages as an open book, the right one scaled to the left one."""
    pages = [page for name in BESIDE for page in load_labeled(data, name, "validation").pages]
    for left, right in zip(pages[:pairs], reversed(pages)):
        first, second = left.load_image(), right.load_image()
        scale = len(first) / len(second)
        width = round(second.shape[1] * scale)
        scaled = np.asarray(Image.fromarray(second).resize((width, len(first))))
        boxes = read_down([line.line.box for line in left.lines if line.line])
        boxes += [
            box.scaled(scale, scale).shifted(first.shape[1], 0)
            for box in read_down([line.line.box for line in right.lines if line.line])
        ]
        yield np.concatenate([first, scaled], axis=1), boxes


def read_down(boxes: Sequence[Box]) -> List[Box]:
    """Sort the lines of a page from top to bottom, unless many are beside each other."""
    beside = {box for pair in combinations(boxes, 2) if is_beside(*pair) for box in pair}
    if len(beside) > MOST_BESIDE:
        return list(boxes)
    return sorted(boxes, key=lambda box: box.center[1])


def is_beside(one: Box, other: Box) -> bool:
    """Return whether two lines share half of the lower one's height, and no column."""
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    width = min(one.right, other.right) - max(one.left, other.left)
    return width <= 0 and height >= 0.5 * min(one.height, other.height)


def in_order(found: Sequence[TextLine], boxes: Sequence[Box]) -> Tuple[int, int, int]:
    """Return the lines found, how many of these have a line before them, and follow it."""
    seen: List[int] = []
    for line in found:
        overlaps = [line.box.iou(box) for box in boxes]
        best = int(np.argmax(overlaps))
        if overlaps[best] > FOUND and best not in seen:
            seen.append(best)
    place = {line: number for number, line in enumerate(seen)}
    expected = sorted(seen)
    right = sum(place[b] == place[a] + 1 for a, b in zip(expected, expected[1:]))
    return len(seen), max(0, len(seen) - 1), right


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--fonts", type=Path, required=True, help="what gather_fonts.py wrote")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bundle", default="english")
    parser.add_argument("--pages", type=int, default=100, help="pages of columns to render")
    parser.add_argument("--pairs", type=int, default=20, help="pairs of pages")
    parser.add_argument("--first", type=int, default=0, help="first seed of the rendered pages")
    args = parser.parse_args()
    seeds = range(args.first, args.first + args.pages)
    kinds = {
        "columns": rendered(args.fonts, args.data, "columns", seeds),
        "side by side": side_by_side(args.data, args.pairs),
    }
    print("| layout | pages | lines found | in order | pages all in order |\n|---|---|---|---|---|")
    for name, pages in kinds.items():
        rows, lines = [], 0
        for image, boxes in pages:
            whole = Box(0, 0, image.shape[1], image.shape[0])
            rows.append(in_order(htrlib.segment_lines(image, whole, bundle=args.bundle), boxes))
            lines += len(boxes)
        found, pairs, right = np.sum(rows, axis=0)
        whole_pages = sum(row[1] == row[2] for row in rows)
        print(
            f"| {name} | {len(rows)} | {found} of {lines} | {right / max(1, pairs):.4f} | "
            f"{whole_pages} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
