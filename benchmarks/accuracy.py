"""Measure accuracy on labeled pages: paragraphs, lines and texts.

    python benchmarks/accuracy.py --data ../shared/data --collection csafe --split dev

Prints totals, with best path and with the bundle's language model side by side. With `--worst DIR`
(for validation splits only) it also writes the worst lines.
CER and WER are corpus edits over reference length; a page's text is its lines joined by a space,
white space folded. Quotation marks and apostrophes are compared as straight ones, and words that
are struck out in the reference (`>...<`) are left out.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from peers import Reader, by_pipeline, rapidocr, tesseract
from PIL import Image
from tqdm import tqdm

import htrlib
from htrlib import data
from htrlib.data.samples import PageSample
from htrlib.decoding.calibration import auroc, expected_calibration_error, words_right
from htrlib.document.kinds import HANDWRITTEN
from htrlib.document.results import Transcription
from htrlib.evaluation import (
    Layout,
    PageReading,
    TextErrors,
    bundle_decoders,
    outlined,
    read_lines,
    read_page,
)
from htrlib.evaluation.page_readings import BEST_PATH, LANGUAGE_MODEL
from htrlib.formats.overlay import draw_overlay
from htrlib.metrics import ErrorRate, page_text
from htrlib.reading.options import ReadingOptions

READABLE = 0.5  # lines with a lower CER count as found and read
LOW_RESOLUTION = 900  # pixels: narrower CSAFE pages are reported separately
_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "ſ": "s"})


def transcribed(sample: PageSample) -> bool:
    """Return whether all text on a page is labeled."""
    return all(line.text for line in sample.lines)


def comparable(text: str) -> str:
    """Use straight quotation marks, drop struck words, and fold white space."""
    return " ".join(re.sub(r">[^<>]*<", " ", text).translate(_STRAIGHT).split())


def row(name: str, errors: TextErrors) -> str:
    cells = [errors.rate(rate) for rate in ("cer", "wer", "cer_any_case")]
    return f"{name:34s} CER {cells[0]}  WER {cells[1]}  CER any case {cells[2]}"


def scored(sample: PageSample) -> bool:
    """Return whether text is scored; pages with the copied consent are not."""
    return not any("consent" in line.tags for line in sample.lines)


def legible(sample: PageSample) -> PageSample:
    """Return the page with the texts of illegible lines removed; their positions stay."""
    lines = (replace(line, text="") if "unusable" in line.tags else line for line in sample.lines)
    return replace(sample, lines=tuple(lines))


def read_down(sample: PageSample) -> str:
    """Return the text of a page of one column, whose labels may be in another order."""
    placed = [(line.line.box.center[1], line.text) for line in sample.lines if line.line]
    return comparable(page_text(text for _, text in sorted(placed)))


DECODERS = (BEST_PATH, LANGUAGE_MODEL)
Texts = Mapping[str, Sequence[Transcription]]


def by_decoder() -> Dict[str, TextErrors]:
    return {name: TextErrors() for name in DECODERS}


@dataclass
class Report:
    """The results of one collection.

    Attributes:
        one_column: whether pages are also measured with their labels from top to bottom.
        down: errors measured so.
    """

    one_column: bool = False
    whole: Dict[str, TextErrors] = field(default_factory=by_decoder)
    whole_full: Dict[str, TextErrors] = field(default_factory=by_decoder)
    down: Dict[str, TextErrors] = field(default_factory=by_decoder)
    given: Dict[str, TextErrors] = field(default_factory=by_decoder)
    peers: Dict[str, TextErrors] = field(default_factory=lambda: defaultdict(TextErrors))
    layout: Layout = field(default_factory=Layout)
    pages: int = 0
    lines: int = 0
    readable: int = 0
    seconds: float = 0.0
    worst: List[Tuple[float, str, str, str]] = field(default_factory=list)
    confidences: List[float] = field(default_factory=list)
    words_are_right: List[bool] = field(default_factory=list)

    def add(self, sample: PageSample, reading: PageReading) -> None:
        self.pages += 1
        self.layout.add(sample, reading)
        if not scored(sample) or not transcribed(sample):
            return
        texts = reading.readings.texts
        references = [comparable(line.text) for line in sample.lines]
        found = [comparable(line.text) for line in texts[BEST_PATH]]
        for index, reference in enumerate(references):
            rate = ErrorRate()
            rate.add(reference, found[index] if index < len(found) else "")
            self.lines += 1
            self.readable += rate.rate < READABLE
        if len(reading.lines) == len(references):
            self._add_words(references, texts[LANGUAGE_MODEL])
        for name, lines in texts.items():
            reference = comparable(page_text(references))
            text = comparable(page_text(line.text for line in lines))
            self.whole[name].add(reference, text)
            if self.one_column:
                self.down[name].add(read_down(sample), text)
            if sample.size.width >= LOW_RESOLUTION:
                self.whole_full[name].add(reference, text)

    def _add_words(self, references: List[str], lines: Sequence[Transcription]) -> None:
        """Add confidences, only of lines that match their reference."""
        for reference, line in zip(references, lines):
            self.confidences += [word.confidence for word in line.words]
            found = [comparable(word.text) for word in line.words]
            self.words_are_right += words_right(found, reference.split())

    def add_given(self, sample: PageSample, texts: Texts) -> None:
        lines = [line for line in sample.lines if line.line is not None]
        for name, found in texts.items():
            for line, said in zip(lines, found):
                if comparable(line.text):
                    rate = self.given[name].add(comparable(line.text), comparable(said.text))
                    self.worst.append((rate, sample.source, comparable(line.text), said.text))

    def print(self, title: str) -> None:
        print(f"\n{title}: {self.pages} pages")
        overlaps = self.layout.overlaps
        if overlaps:
            print(f"  paragraph IoU                      {sum(overlaps) / len(overlaps):.4f}")
            d = self.layout.detection
            print(
                f"  lines at IoU 0.5                   F1 {d.f1:.4f}  precision {d.precision:.4f}  "
                f"recall {d.recall:.4f}"
            )
        print(
            f"  right number of lines              {self.layout.right_number} of {self.pages} pages"
        )
        if self.lines:
            print(
                f"  lines of CER < {READABLE} at their index    {self.readable / self.lines:.4f} "
                f"({self.readable} of {self.lines})"
            )
            for name in DECODERS:
                print("  " + row(f"pages, {name}", self.whole[name]))
                if self.one_column:
                    print("  " + row("  labels from top to bottom", self.down[name]))
            full = self.whole_full
            if 0 < len(full[BEST_PATH]) < len(self.whole[BEST_PATH]):
                for name in DECODERS:
                    print("  " + row(f"  {LOW_RESOLUTION} px and wider, {name}", full[name]))
        if self.confidences:
            confidences, right = np.array(self.confidences), np.array(self.words_are_right)
            print(
                f"  confidences of {len(right)} words         "
                f"calibration error {expected_calibration_error(confidences, right):.4f}, "
                f"AUROC {auroc(confidences, right):.4f}"
            )
        if self.given[BEST_PATH]:
            for name in DECODERS:
                print("  " + row(f"given lines, {name}", self.given[name]))
        for name, errors in self.peers.items():
            print("  " + row(f"pages, {name}", errors))
        print(f"  seconds per page                     {self.seconds / self.pages:.2f}", flush=True)


FILES: Dict[str, Tuple[str, str]] = {
    "csafe": ("csafe/transcripts.json", "eng"),
    "copiste": ("copiste/pages.json", "fra"),
    "testaments": ("testaments/pages.json", "fra"),
    "hooker": ("hooker/{split}", "eng"),
    "inkbench": ("archives/inkbench/pages.json", "eng"),
    **{
        name: (f"archives/{name}/pages.json", "fra")
        for name in ("cremma17", "cremma18", "cremma19", "fondue18", "htromance")
    },
}
HANDWRITING_ALONE = ("copiste",)  # its labels omit the print of the forms
ONE_COLUMN = ("copiste",)  # its labels end with a reference that stands above the text


def load(root: Path, collection: str, split: str) -> List[PageSample]:
    path = root / FILES[collection][0].format(split=split)
    if collection == "hooker":
        return list(data.load("page_xml", path).pages)
    return [legible(page) for page in data.load("pages_json", path, split=split).pages]


def pipeline_for(collection: str, bundle: Optional[str], method: str) -> htrlib.Pipeline:
    """Return the pipeline for the pages of a collection."""
    kinds = (HANDWRITTEN,) if collection in HANDWRITING_ALONE else None
    segment = partial(htrlib.segment_lines, method=method, bundle=bundle)
    return htrlib.Pipeline(
        segment_lines=None if method == "labels" else segment,
        bundle=bundle,
        options=ReadingOptions(kinds=kinds),
    )


def peers_for(collection: str, args: argparse.Namespace) -> Dict[str, Reader]:
    """Return the other readers of a collection's pages by name."""
    peers: Dict[str, Reader] = {}
    for bundle in args.beside:
        name, read = by_pipeline(pipeline_for(collection, bundle, args.method), bundle)
        peers[name] = read
    if args.tesseract:
        peers["Tesseract"] = partial(tesseract, language=FILES[collection][1])
    if args.rapidocr:
        peers["RapidOCR"] = rapidocr
    return peers


def texts_by(readers: Mapping[str, Reader], page: NDArray[np.uint8]) -> Dict[str, str]:
    """Return a page's text by each reader."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.png"
        Image.fromarray(page).save(file)
        return {name: read(file) for name, read in readers.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--collection", nargs="+", default=["csafe", "copiste"], choices=FILES)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--bundle")
    parser.add_argument("--method", default="labels", help="of segment_lines: labels or ssd")
    parser.add_argument("--tesseract", action="store_true", help="the same pages by Tesseract")
    parser.add_argument("--rapidocr", action="store_true", help="the same pages by RapidOCR")
    parser.add_argument("--beside", nargs="+", default=(), help="bundles that read the same pages")
    parser.add_argument("--given-lines", action="store_true", help="also read the given lines")
    parser.add_argument("--worst", type=Path, help="write the worst lines and overlays here")
    args = parser.parse_args()
    if args.worst and args.split == "dev":
        parser.error("dev prints totals only; look at the worst lines of validation")
    for collection in args.collection:
        pipeline = pipeline_for(collection, args.bundle, args.method)
        decoders = dict(zip(DECODERS, bundle_decoders(pipeline.bundle).values()))
        peers = peers_for(collection, args)
        report = Report(collection in ONE_COLUMN)
        for sample in tqdm(load(args.data, collection, args.split), desc=collection):
            page = sample.load_image()
            start = time.perf_counter()
            reading = read_page(page, pipeline, decoders)
            report.seconds += time.perf_counter() - start
            report.add(sample, reading)
            if args.given_lines and scored(sample):
                given = outlined(
                    page, [line.line for line in sample.lines if line.line is not None], pipeline
                )
                report.add_given(sample, read_lines(page, given, pipeline, decoders).texts)
            if peers and scored(sample) and transcribed(sample):
                for name, text in texts_by(peers, page).items():
                    report.peers[name].add(comparable(sample.text), comparable(text))
            if args.worst:
                args.worst.mkdir(parents=True, exist_ok=True)
                result = reading.result(LANGUAGE_MODEL)
                draw_overlay(page, result).save(args.worst / f"{Path(sample.source).stem}.png")
        report.print(f"{collection} {args.split}")
        if args.worst:
            rows = sorted(report.worst, reverse=True)
            text = "\n".join(f"{c:.2f}\t{s}\t{r}\t{t}" for c, s, r, t in rows)
            (args.worst / f"{collection}.tsv").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
