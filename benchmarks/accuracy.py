"""Accuracy on pages with ground truth: paragraphs, lines, and what the pages say.

    python benchmarks/accuracy.py --data ../shared/data --collection csafe --split dev

Prints totals, with best path and with the bundle's language model side by side, each line
recognized once. With `--worst DIR` (for validation splits only) it also writes the worst lines.
CER and WER are corpus edits over reference length; a page's text is its lines joined by a space,
white space folded. Quotation marks and apostrophes are compared as straight ones, and words that
are struck out in the reference (`>...<`) are left out.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

import htrlib
from htrlib import data
from htrlib.data.samples import PageSample
from htrlib.document import LineResult, PageResult, TextLine, Transcription
from htrlib.formats.overlay import draw_overlay
from htrlib.geometry import Size
from htrlib.metrics import DetectionF1, ErrorRate, bootstrap_interval, page_text
from htrlib.stages.calibration import auroc, expected_calibration_error, words_right

READABLE = 0.5  # a line with a lower CER counts as found and read
LOW_RESOLUTION = 900  # pixels: narrower CSAFE pages are reported apart
_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "ſ": "s"})


def comparable(text: str) -> str:
    """Straight quotation marks, no struck words, white space folded."""
    return " ".join(re.sub(r">[^<>]*<", " ", text).translate(_STRAIGHT).split())


@dataclass
class PageErrors:
    """Edits and lengths page by page, so that pages can be drawn for an interval."""

    characters: List[ErrorRate] = field(default_factory=list)
    words: List[ErrorRate] = field(default_factory=list)
    folded: List[ErrorRate] = field(default_factory=list)

    def add(self, reference: str, found: str) -> None:
        for rates, a, b in (
            (self.characters, reference, found),
            (self.words, reference.split(), found.split()),
            (self.folded, reference.lower(), found.lower()),
        ):
            rate = ErrorRate()
            rate.add(a, b)
            rates.append(rate)

    def row(self, name: str) -> str:
        cells = []
        for rates in (self.characters, self.words, self.folded):
            edits, lengths = [r.edits for r in rates], [r.length for r in rates]
            low, high = bootstrap_interval(edits, lengths, seed=1)
            cells.append(f"{sum(edits) / max(1, sum(lengths)):.4f} [{low:.3f}, {high:.3f}]")
        return f"{name:34s} CER {cells[0]}  WER {cells[1]}  CER any case {cells[2]}"


def scored(sample: PageSample) -> bool:
    """Pages on which the volunteer wrote the printed consent are left out of text scores."""
    return not any("consent" in line.tags for line in sample.lines)


DECODERS: Dict[str, Dict[str, str]] = {
    "best path": {"method": "greedy"},
    "language model": {"method": "beam"},
}


def read(
    page: NDArray[np.uint8], lines: Sequence[TextLine], bundle: Optional[str]
) -> Dict[str, List[Transcription]]:
    """What lines say by each decoder."""
    said = htrlib.recognize_lines(page, lines, bundle=bundle)
    return {
        name: [htrlib.decode(line, bundle=bundle, method=options["method"]) for line in said]
        for name, options in DECODERS.items()
    }


def read_page(
    page: NDArray[np.uint8], method: str, bundle: Optional[str]
) -> Tuple[PageResult, Dict[str, List[Transcription]]]:
    """The page with the language model's texts, and the texts of all decoders."""
    paragraph = htrlib.detect_paragraph(page, bundle=bundle)
    lines = htrlib.segment_lines(page, paragraph, method=method, bundle=bundle)
    texts = read(page, lines, bundle)
    results = tuple(map(LineResult, lines, texts["language model"]))
    return PageResult(Size(page.shape[1], page.shape[0]), paragraph, results), texts


def tesseract(path: Path, language: str) -> str:
    done = subprocess.run(
        ["tesseract", str(path), "-", "-l", language], capture_output=True, text=True, check=True
    )
    return done.stdout


def by_decoder() -> Dict[str, PageErrors]:
    return {name: PageErrors() for name in DECODERS}


@dataclass
class Report:
    """What one collection gave."""

    whole: Dict[str, PageErrors] = field(default_factory=by_decoder)
    whole_full: Dict[str, PageErrors] = field(default_factory=by_decoder)
    given: Dict[str, PageErrors] = field(default_factory=by_decoder)
    peer: PageErrors = field(default_factory=PageErrors)
    overlaps: List[float] = field(default_factory=list)
    detection: DetectionF1 = field(default_factory=DetectionF1)
    right_number: int = 0
    pages: int = 0
    lines: int = 0
    readable: int = 0
    seconds: float = 0.0
    worst: List[Tuple[float, str, str, str]] = field(default_factory=list)
    confidences: List[float] = field(default_factory=list)
    words_are_right: List[bool] = field(default_factory=list)

    def add(
        self, sample: PageSample, result: PageResult, texts: Dict[str, List[Transcription]]
    ) -> None:
        self.pages += 1
        boxes = [line.line.box for line in sample.lines if line.line is not None]
        if boxes:
            self.detection.add(boxes, [line.line.box for line in result.lines])
        if sample.paragraph is not None:
            overlap = result.paragraph.iou(sample.paragraph) if result.paragraph else 0.0
            self.overlaps.append(overlap)
        self.right_number += len(result.lines) == len(sample.lines)
        if not scored(sample):
            return
        references = [comparable(line.text) for line in sample.lines]
        found = [comparable(line.text) for line in texts["best path"]]
        for index, reference in enumerate(references):
            rate = ErrorRate()
            rate.add(reference, found[index] if index < len(found) else "")
            self.lines += 1
            self.readable += rate.rate < READABLE
        if len(result.lines) == len(references):
            self._add_words(references, texts["language model"])
        for name, lines in texts.items():
            reference = comparable(page_text(references))
            text = comparable(page_text(line.text for line in lines))
            self.whole[name].add(reference, text)
            if sample.size.width >= LOW_RESOLUTION:
                self.whole_full[name].add(reference, text)

    def _add_words(self, references: List[str], lines: List[Transcription]) -> None:
        """Confidences are judged where lines and references belong together."""
        for reference, line in zip(references, lines):
            self.confidences += [word.confidence for word in line.words]
            found = [comparable(word.text) for word in line.words]
            self.words_are_right += words_right(found, reference.split())

    def add_given(self, sample: PageSample, texts: Dict[str, List[Transcription]]) -> None:
        lines = [line for line in sample.lines if line.line is not None]
        for name, found in texts.items():
            for line, said in zip(lines, found):
                if comparable(line.text):
                    self.given[name].add(comparable(line.text), comparable(said.text))
                    rate = self.given[name].characters[-1]
                    self.worst.append((rate.rate, sample.source, comparable(line.text), said.text))

    def print(self, title: str) -> None:
        print(f"\n{title}: {self.pages} pages")
        if self.overlaps:
            mean = sum(self.overlaps) / len(self.overlaps)
            print(f"  paragraph IoU                      {mean:.4f}")
            d = self.detection
            print(
                f"  lines at IoU 0.5                   F1 {d.f1:.4f}  precision {d.precision:.4f}  "
                f"recall {d.recall:.4f}"
            )
        print(f"  right number of lines              {self.right_number} of {self.pages} pages")
        if self.lines:
            print(
                f"  lines of CER < {READABLE} at their index    {self.readable / self.lines:.4f} "
                f"({self.readable} of {self.lines})"
            )
            for name in DECODERS:
                print("  " + self.whole[name].row(f"pages, {name}"))
            full = self.whole_full
            if 0 < len(full["best path"].words) < len(self.whole["best path"].words):
                for name in DECODERS:
                    print("  " + full[name].row(f"  {LOW_RESOLUTION} px and wider, {name}"))
        if self.confidences:
            confidences, right = np.array(self.confidences), np.array(self.words_are_right)
            print(
                f"  confidences of {len(right)} words         "
                f"calibration error {expected_calibration_error(confidences, right):.4f}, "
                f"AUROC {auroc(confidences, right):.4f}"
            )
        if self.given["best path"].words:
            for name in DECODERS:
                print("  " + self.given[name].row(f"given lines, {name}"))
        if self.peer.words:
            print("  " + self.peer.row("Tesseract, whole pages"))
        print(f"  seconds a page                     {self.seconds / self.pages:.2f}", flush=True)


FILES: Dict[str, Tuple[str, str]] = {
    "csafe": ("csafe/transcripts.json", "eng"),
    "copiste": ("copiste/pages.json", "fra"),
    "testaments": ("testaments/pages.json", "fra"),
    "hooker": ("hooker/{split}", "eng"),
}


def load(root: Path, collection: str, split: str) -> List[PageSample]:
    path = root / FILES[collection][0].format(split=split)
    if collection == "hooker":
        return list(data.load("page_xml", path).pages)
    return list(data.load("pages_json", path, split=split).pages)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--collection", nargs="+", default=["csafe", "copiste"], choices=FILES)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--bundle")
    parser.add_argument("--method", default="labels", help="of segment_lines: labels or ssd")
    parser.add_argument("--tesseract", action="store_true", help="the same pages by Tesseract")
    parser.add_argument("--given-lines", action="store_true", help="also read the given lines")
    parser.add_argument("--worst", type=Path, help="write the worst lines and overlays here")
    args = parser.parse_args()
    if args.worst and args.split == "dev":
        parser.error("dev prints totals only; look at the worst lines of validation")
    for collection in args.collection:
        report = Report()
        for sample in tqdm(load(args.data, collection, args.split), desc=collection):
            page = sample.load_image()
            start = time.perf_counter()
            result, texts = read_page(page, args.method, args.bundle)
            report.seconds += time.perf_counter() - start
            report.add(sample, result, texts)
            if args.given_lines and scored(sample):
                given = [line.line for line in sample.lines if line.line is not None]
                report.add_given(sample, read(page, given, args.bundle))
            if args.tesseract and scored(sample):
                with tempfile.TemporaryDirectory() as folder:
                    file = Path(folder) / "page.png"
                    Image.fromarray(page).save(file)
                    text = tesseract(file, FILES[collection][1])
                report.peer.add(comparable(sample.text), comparable(text))
            if args.worst:
                args.worst.mkdir(parents=True, exist_ok=True)
                draw_overlay(page, result).save(args.worst / f"{Path(sample.source).stem}.png")
        report.print(f"{collection} {args.split}")
        if args.worst:
            rows = sorted(report.worst, reverse=True)
            text = "\n".join(f"{c:.2f}\t{s}\t{r}\t{t}" for c, s, r, t in rows)
            (args.worst / f"{collection}.tsv").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
