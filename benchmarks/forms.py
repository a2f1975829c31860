"""Measure paragraphs and lines on synthetic forms, with held-out fonts, texts and seeds.

    python benchmarks/forms.py --fonts ../shared/data/fonts --text ../shared/data/text/alice.txt

Every form has a printed header, rules, a printed name line and specks; writing goes up or down by
at most five degrees; about half of the neighboring lines touch.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import List, Optional

from tqdm import tqdm

import htrlib
from htrlib.metrics import DetectionF1
from htrlib.synthesis.pages import PageConfig, SyntheticPage, render_pages

PRETRAIN = Path(__file__).parents[1] / "examples" / "pretrain"
FIRST_SEED = 900_000


def measure(pages: List[SyntheticPage], method: str, bundle: Optional[str]) -> None:
    overlaps, detection, right = [], DetectionF1(), 0
    for page in pages:
        paragraph = htrlib.detect_paragraph(page.image, bundle=bundle)
        lines = htrlib.segment_lines(
            page.image, paragraph, method=method, kinds=("handwritten",), bundle=bundle
        )
        if page.paragraph is not None:
            overlaps.append(paragraph.iou(page.paragraph) if paragraph else 0.0)
        detection.add([line.line.box for line in page.lines], [line.box for line in lines])
        right += len(lines) == len(page.lines)
    print(
        f"{method}: {len(pages)} forms, {sum(len(page.lines) for page in pages)} lines; "
        f"paragraph IoU {sum(overlaps) / len(overlaps):.4f}, lines at IoU 0.5: "
        f"F1 {detection.f1:.4f}, precision {detection.precision:.4f}, "
        f"recall {detection.recall:.4f}; right number of lines on {right}"
    )


def main() -> int:
    sys.path.insert(0, str(PRETRAIN))
    from held_out import fonts_below
    from texts import read_words

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--method", nargs="+", default=["labels"])
    parser.add_argument("--bundle")
    args = parser.parse_args()
    unseen = fonts_below(args.fonts, kept=True)
    config = PageConfig(kinds={"form": 1.0})
    rendered = render_pages(args.count, unseen, read_words([args.text]), FIRST_SEED, config)
    pages = list(tqdm(rendered, desc="render", total=args.count))
    for method in args.method:
        measure(pages, method, args.bundle)
    return 0


if __name__ == "__main__":
    sys.exit(main())
