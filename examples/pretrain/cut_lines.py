"""Cut the lines of labeled pages once, so that training need not open pages again.

    python cut_lines.py --data ../../../shared/data --out runs/lines

Writes `COLLECTION_SPLIT.npz` for each collection and split that training or choosing may see.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Iterator, List, NamedTuple

import numpy as np
from numpy.typing import NDArray
from texts import folded
from tqdm import tqdm

from htrlib import data
from htrlib.data.samples import PageSample
from htrlib.line_image import cut_line, line_strip

HEIGHT = 96
SOURCE_MARGIN = 0.30  # of a line's height above and below: room for augmentation to move in
COLLECTIONS = {
    "csafe": "csafe/transcripts.json",
    "copiste": "copiste/pages.json",
    "testaments": "testaments/pages.json",
}


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


def cut_page(sample: PageSample) -> Iterator[CutLine]:
    page = sample.load_image()
    for line in sample.lines:
        text = folded(line.text)
        if line.line is None or not text or "<" in text or ">" in text:
            continue  # a struck word is on the picture and not in the text
        if line.line.box.height > 1.5 * line.line.box.width:
            continue  # written up the page
        strip = line_strip(line.line, SOURCE_MARGIN)
        ink = cut_line(page, strip, HEIGHT)
        if line.line.polygon is None:
            marked = ink | 1
        else:
            inside = cut_line(page, strip, HEIGHT, line.line.polygon)
            marked = (ink & 0xFE) | ((inside > 0) | (ink == 0))
        yield CutLine(marked.astype(np.uint8), text, "consent" in line.tags)


def save(path: Path, lines: List[CutLine]) -> None:
    np.savez(
        path,
        ink=np.concatenate([line.ink for line in lines], axis=1),
        ends=np.cumsum([line.ink.shape[1] for line in lines]),
        texts=np.array([line.text for line in lines]),
        consent=np.array([line.consent for line in lines]),
    )


def load(path: Path) -> List[CutLine]:
    with np.load(path) as saved:
        pieces = np.split(saved["ink"], saved["ends"][:-1], axis=1)
        return [
            CutLine(ink, str(text), bool(consent))
            for ink, text, consent in zip(pieces, saved["texts"], saved["consent"])
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name, file in COLLECTIONS.items():
        for split in ("train", "validation"):
            if (name, split) == ("testaments", "validation"):
                continue  # it has none
            pages = data.load("pages_json", args.data / file, split=split)
            lines = [line for page in tqdm(pages, f"{name} {split}") for line in cut_page(page)]
            save(args.out / f"{name}_{split}.npz", lines)


if __name__ == "__main__":
    main()
