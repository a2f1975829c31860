"""Cut the lines of labeled pages once, so that training does not open pages again.

    python cut_lines.py --data ../../../shared/data --out runs/lines
    python cut_lines.py --data ../../../shared/data --out runs/lines --bundle BUNDLE

Writes the lines of each collection's `train` and `validation` pages (see `line_store`): to
`COLLECTION_SPLIT` where the labels have them, or, with a bundle, to `COLLECTION-found_SPLIT` where
its segmenter finds them, which is how a recognizer meets them on new pages.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Iterator, Optional, Sequence

import numpy as np
from find_lines import found_lines
from labeled import COLLECTIONS, VALIDATED, WHOLE, load_labeled, usable
from line_store import HEIGHT, SOURCE_MARGIN, CutLine, save
from numpy.typing import NDArray
from texts import CHARACTERS
from tqdm import tqdm

from htrlib.bundle import Bundle, load_bundle
from htrlib.data.samples import PageSample
from htrlib.document.results import TextLine
from htrlib.images.line_strips import cut_line, line_strip


def marked_ink(page: NDArray[np.uint8], line: TextLine) -> NDArray[np.uint8]:
    """Cut the ink of a line with its margin; the lowest bit is set inside the polygon.

    Args:
        page: (H, W) uint8, 0 is black.
        line: position of the line in page pixels.
    Returns:
        (HEIGHT, W') uint8, 0 is paper.
    """
    strip = line_strip(line, SOURCE_MARGIN)
    ink = cut_line(page, strip, HEIGHT)
    if line.polygon is None:
        return ink | 1
    inside = cut_line(page, strip, HEIGHT, line.polygon)
    return ((ink & 0xFE) | ((inside > 0) | (ink == 0))).astype(np.uint8)


def cut_page(
    sample: PageSample, bundle: Optional[Bundle] = None, whole: bool = False
) -> Iterator[CutLine]:
    """Cut the usable lines of a page, as labeled or, with a bundle, as its segmenter finds them.

    A line with a character that the recognizer does not write is left out.
    """
    page = sample.load_image()
    lines = sample.lines if bundle is None else found_lines(sample, bundle, whole)
    for line in lines:
        known = all(character in CHARACTERS for character in line.text)
        if line.line is not None and known and usable(line):
            ink = marked_ink(page, line.line)
            yield CutLine(ink, line.text, sample.source, "consent" in line.tags)


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the collections")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--bundle", help="whose segmenter finds lines")
    parser.add_argument(
        "--without", nargs="*", default=[], choices=list(COLLECTIONS), help="leave these out"
    )
    args = parser.parse_args(arguments or None)
    args.out.mkdir(parents=True, exist_ok=True)
    bundle = load_bundle(args.bundle) if args.bundle else None
    suffix = "-found" if bundle else ""
    for name in COLLECTIONS:
        if name in args.without or not (args.data / COLLECTIONS[name]).exists():
            continue
        for split in ("train", "validation"):
            if split == "validation" and name not in VALIDATED:
                continue
            bar = tqdm(load_labeled(args.data, name, split).pages, f"{name} {split}")
            lines = (line for page in bar for line in cut_page(page, bundle, name in WHOLE))
            save(args.out / f"{name}{suffix}_{split}", lines)


if __name__ == "__main__":
    main()
