"""Find the lines of labeled pages with a bundle's segmenter, and assign the labels' texts.

    python find_lines.py --data ../../../shared/data --bundle runs/finder --out runs/found

Lines as the segmenter cuts them are what the recognizer will have to read. Writes
`COLLECTION_SPLIT/`, PAGE XML, for each collection and split that training or choosing may see.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import List, Optional, Sequence

from labeled import SPLITS, WHOLE, load_labeled
from tqdm import tqdm

import htrlib
from htrlib import data
from htrlib.bundle import Bundle, load_bundle
from htrlib.data.samples import LabeledLine, PageSample
from htrlib.document.results import TextLine

LEAST_OVERLAP = 0.6  # minimum IoU of the boxes of a labeled line and the same line found


def found_lines(sample: PageSample, bundle: Bundle, whole: bool) -> List[LabeledLine]:
    """Return the labeled lines that the segmenter finds, at the positions where it finds them.

    Args:
        whole: whether all writing on the page is labeled.
    """
    page = sample.load_image()
    paragraph = htrlib.detect_paragraph(page, bundle=bundle) if whole else sample.paragraph
    if paragraph is None:
        return []
    found = htrlib.segment_lines(page, paragraph, bundle=bundle)
    if whole and len(found) == len(sample.lines):
        pairs = list(zip(found, sample.lines))
    else:
        same = ((_same_line(labeled, found), labeled) for labeled in sample.lines)
        pairs = [(line, labeled) for line, labeled in same if line is not None]
    return [LabeledLine(labeled.text, line, tags=labeled.tags) for line, labeled in pairs]


def _same_line(labeled: LabeledLine, found: Sequence[TextLine]) -> Optional[TextLine]:
    """Return the found line with the same start and end as a labeled one, or None."""
    if labeled.line is None or not found:
        return None
    box = labeled.line.box
    best = max(found, key=lambda line: line.box.iou(box))
    ends = max(abs(best.box.left - box.left), abs(best.box.right - box.right))
    return best if best.box.iou(box) > LEAST_OVERLAP and ends < 0.5 * box.height else None


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the collections")
    parser.add_argument("--bundle", type=Path, required=True, help="whose segmenter finds lines")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments or None)
    bundle = load_bundle(args.bundle)
    for name, split in SPLITS:
        pages = []
        for page in tqdm(load_labeled(args.data, name, split).pages, f"{name} {split}"):
            lines = found_lines(page, bundle, whole=name in WHOLE)
            pages.append(replace(page, lines=tuple(lines)))
        data.write_page_xml(data.Dataset(tuple(pages)), args.out / f"{name}_{split}")


if __name__ == "__main__":
    main()
