"""Cut the unlabeled lines that a bundle finds on `train` pages, for `realign.py`.

python cut_unlabeled.py --pages inkbench/pages.json --bundle BUNDLE --out runs/unlabeled
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Iterator, Sequence

from cut_lines import marked_ink
from line_store import CutLine, save
from tqdm import tqdm

import htrlib
from htrlib import data
from htrlib.bundle import Bundle, load_bundle
from htrlib.data.samples import PageSample

SAME = 0.5  # minimum IoU for a found line to be a labeled one


def unlabeled_lines(sample: PageSample, bundle: Bundle) -> Iterator[CutLine]:
    """Return the unlabeled lines of a page, without texts."""
    page = sample.load_image()
    paragraph = htrlib.detect_paragraph(page, bundle=bundle)
    if paragraph is None:
        return
    labeled = [line.line.box for line in sample.lines if line.line is not None]
    for found in htrlib.segment_lines(page, paragraph, bundle=bundle):
        if all(found.box.iou(box) < SAME for box in labeled):
            yield CutLine(marked_ink(page, found), "", sample.source)


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pages", type=Path, required=True, help="a pages.json")
    parser.add_argument("--bundle", required=True, help="whose segmenter finds lines")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments or None)
    bundle = load_bundle(args.bundle)
    pages = tqdm(data.load("pages_json", args.pages, split="train").pages)
    save(args.out, (line for page in pages for line in unlabeled_lines(page, bundle)))


if __name__ == "__main__":
    main()
