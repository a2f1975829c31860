"""Measure accuracy on Library of Congress pages by kind, next to published results of others.

    python benchmarks/inkbench.py --data ../shared/data

The measure is that of InkBench: the mean over pages of max(0, 1 - CER), in lower case, white space
folded, against the volunteers' transcript. Pages that the bundle trained on are left out. With
`--tesseract` and `--rapidocr` these read the same pages in the same run.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

from peers import Reader, by_pipeline, rapidocr, tesseract
from tqdm import tqdm

import htrlib
from htrlib.metrics import ErrorRate

GROUPS = {
    "HANDWRITTEN": "handwritten",
    "MIXED": "mixed",
    "OTHER_TYPED_OR_PRINTED": "typed or printed",
    "BOOK_PAGE": "book",
}
PUBLISHED = {  # pages of inkbench_pages and inkbench `dev`, weighted by their numbers
    "english 0.3": (0.646, 0.265, 0.215, 0.237),
    "Tesseract": (None, 0.305, 0.546, 0.507),
    "Amazon Nova Pro": (0.651, 0.805, 0.778, 0.631),
    "Pixtral Large": (0.608, 0.642, 0.636, 0.611),
    "Claude Haiku 4.5": (0.676, 0.843, 0.781, 0.814),
    "Qwen2.5-VL 72B": (0.783, 0.869, 0.794, 0.736),
    "GPT-5.1": (0.850, 0.832, 0.796, 0.741),
    "Gemini 3.5 Flash": (0.888, 0.923, 0.908, 0.820),
}


def pages(root: Path, split: str) -> Iterator[Tuple[str, Path, str]]:
    """Return group, picture and transcript of each page of a split."""
    for collection in ("inkbench_pages", "inkbench"):
        folder = root / "archives" / collection
        rows: Dict[str, Dict[str, Any]] = json.loads(
            (folder / "pages.json").read_text(encoding="utf-8")
        )
        for name, row in rows.items():
            if row["split"] == split:
                yield GROUPS[row["kind"]], folder / "pages" / name, row["transcript"]


def accuracy(reference: str, found: str) -> float:
    """Return 1 - CER, at least 0, in lower case with white space folded."""
    rate = ErrorRate()
    rate.add(" ".join(reference.lower().split()), " ".join(found.lower().split()))
    return max(0.0, 1.0 - rate.rate)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--split", default="dev", choices=("validation", "dev"))
    parser.add_argument("--bundle", nargs="+", default=["english"])
    parser.add_argument("--tesseract", action="store_true")
    parser.add_argument("--rapidocr", action="store_true")
    args = parser.parse_args()
    readers: Dict[str, Reader] = {}
    for bundle in args.bundle:
        name, read = by_pipeline(htrlib.Pipeline(bundle=bundle), bundle)
        readers[name] = read
    if args.tesseract:
        readers["Tesseract, here"] = tesseract
    if args.rapidocr:
        readers["RapidOCR, here"] = rapidocr
    found: Dict[str, Dict[str, List[float]]] = {name: defaultdict(list) for name in readers}
    for group, path, transcript in tqdm(list(pages(args.data, args.split)), unit="page"):
        for name, read in readers.items():
            found[name][group].append(accuracy(transcript, read(path)))
    print("| reader | " + " | ".join(GROUPS.values()) + " |")
    print("|---" * (1 + len(GROUPS)) + "|")
    for name, groups in found.items():
        cells = [
            f"{sum(groups[g]) / len(groups[g]):.3f} ({len(groups[g])})" if groups[g] else "-"
            for g in GROUPS.values()
        ]
        print(f"| {name} | " + " | ".join(cells) + " |")
    if args.split == "dev":
        for name, numbers in PUBLISHED.items():
            cells = ["-" if number is None else f"{number:.3f}" for number in numbers]
            print(f"| {name}, published | " + " | ".join(cells) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
