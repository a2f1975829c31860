"""Cut the lines of labeled pages once, so that training need not open pages again.

    python cut_lines.py --data ../../../shared/data --bundle runs/draft --out runs/lines

Writes `COLLECTION_SPLIT.npz` for each collection and split that training or choosing may see: lines
cut where the labels say. `COLLECTION-found_SPLIT.npz` holds lines where the bundle's segmenter
finds them: those are what the recognizer will have to read.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from texts import folded
from tqdm import tqdm

import htrlib
from htrlib import data
from htrlib.bundle import Bundle, load_bundle
from htrlib.data.samples import LabeledLine, PageSample
from htrlib.document import TextLine
from htrlib.line_image import cut_line, line_strip

HEIGHT = 96
SOURCE_MARGIN = 0.30  # of a line's height above and below: room for augmentation to move in
COLLECTIONS = {
    "csafe": "csafe/transcripts.json",
    "copiste": "copiste/pages.json",
    "testaments": "testaments/pages.json",
}
WHOLE = ("csafe",)  # collections whose pages bear no writing but the labeled lines
LEAST_OVERLAP = 0.6  # IoU of a labeled line's box and that of the same line found


class CutLine(NamedTuple):
    """A line as ink.

    Attributes:
        ink: (HEIGHT, W) uint8, 0 is paper; the lowest bit is set inside the line's polygon.
        text: what it says, folded.
        consent: it is part of the consent that many volunteers copied.
    """

    ink: NDArray[np.uint8]
    text: str
    consent: bool

    def masked(self) -> NDArray[np.uint8]:
        """The ink inside the polygon alone."""
        return np.where(self.ink & 1, self.ink, 0).astype(np.uint8)


def usable(line: LabeledLine) -> bool:
    """Whether picture and text of a line agree."""
    text = folded(line.text)
    if line.line is None or not text or "<" in text or ">" in text:
        return False  # a struck word is on the picture and not in the text
    return line.line.box.height <= 1.5 * line.line.box.width  # else it is written up the page


def found_lines(
    page: NDArray[np.uint8], sample: PageSample, bundle: Bundle, whole: bool
) -> List[Tuple[TextLine, str]]:
    """Lines that the bundle's segmenter finds, with the texts of the labeled lines they are."""
    paragraph = htrlib.detect_paragraph(page, bundle=bundle) if whole else sample.paragraph
    if paragraph is None:
        return []
    found = htrlib.segment_lines(page, paragraph, bundle=bundle)
    if whole and len(found) == len(sample.lines):
        return [(line, labeled.text) for line, labeled in zip(found, sample.lines)]
    pairs = ((_same_line(labeled, found), labeled.text) for labeled in sample.lines)
    return [(line, text) for line, text in pairs if line is not None]


def _same_line(labeled: LabeledLine, found: Sequence[TextLine]) -> Optional[TextLine]:
    """The line that was found where the labels have one, from the same start to the same end."""
    if labeled.line is None or not found:
        return None
    box = labeled.line.box
    best = max(found, key=lambda line: line.box.iou(box))
    ends = max(abs(best.box.left - box.left), abs(best.box.right - box.right))
    return best if best.box.iou(box) > LEAST_OVERLAP and ends < 0.5 * box.height else None


def cut_page(
    sample: PageSample, bundle: Optional[Bundle] = None, whole: bool = False
) -> Iterator[CutLine]:
    """The lines of a page, where its labels or, with a bundle, its segmenter has them."""
    page = sample.load_image()
    lines = [line for line in sample.lines if usable(line)]
    consent = {line.text for line in lines if "consent" in line.tags}
    if bundle is None:
        pairs = [(line.line, line.text) for line in lines if line.line is not None]
    else:
        texts = {line.text for line in lines}
        pairs = [pair for pair in found_lines(page, sample, bundle, whole) if pair[1] in texts]
    for line, text in pairs:
        strip = line_strip(line, SOURCE_MARGIN)
        ink = cut_line(page, strip, HEIGHT)
        if line.polygon is None:
            marked = ink | 1
        else:
            inside = cut_line(page, strip, HEIGHT, line.polygon)
            marked = (ink & 0xFE) | ((inside > 0) | (ink == 0))
        yield CutLine(marked.astype(np.uint8), folded(text), text in consent)


def save(path: Path, lines: List[CutLine]) -> None:
    none = np.zeros((HEIGHT, 0), np.uint8)  # a segmenter hardly trained may find no line
    np.savez(
        path,
        ink=np.concatenate([none, *(line.ink for line in lines)], axis=1),
        ends=np.cumsum([line.ink.shape[1] for line in lines]),
        texts=np.array([line.text for line in lines]),
        consent=np.array([line.consent for line in lines]),
    )


def load(path: Path) -> List[CutLine]:
    with np.load(path) as saved:
        pieces = np.split(saved["ink"], saved["ends"], axis=1)
        return [
            CutLine(ink, str(text), bool(consent))
            for ink, text, consent in zip(pieces, saved["texts"], saved["consent"])
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--bundle", help="whose segmenter finds lines")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    bundle = load_bundle(args.bundle) if args.bundle else None
    for name, file in COLLECTIONS.items():
        for split in ("train", "validation"):
            if (name, split) == ("testaments", "validation"):
                continue  # it has none
            pages = data.load("pages_json", args.data / file, split=split).pages
            bar = tqdm(pages, f"{name} {split}")
            save(args.out / f"{name}_{split}.npz", [x for page in bar for x in cut_page(page)])
            if bundle is None:
                continue
            bar = tqdm(pages, f"{name} {split}, found")
            cut = [x for page in bar for x in cut_page(page, bundle, name in WHOLE)]
            save(args.out / f"{name}-found_{split}.npz", cut)


if __name__ == "__main__":
    main()
