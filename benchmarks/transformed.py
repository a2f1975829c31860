"""Measure the CER of transformed pages: rotated, inverted, tilted, ruled and so on.

    python benchmarks/transformed.py ../shared/data/csafe/transcripts.json --pages 10

Reads every page as it is and under each change, and prints a table: CER, the difference from the
plain pages, lines found and expected, and how many pages were left without a line. `--as-given`
turns the correction of orientation off.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from tqdm import tqdm

from htrlib import data
from htrlib.bundle import load_bundle
from htrlib.data.samples import PageSample
from htrlib.document.kinds import HANDWRITTEN
from htrlib.metrics import ErrorRate, normalize, page_text
from htrlib.reading.options import AS_GIVEN, AUTO, LINE, PAGE, ReadingOptions
from htrlib.reading.pipeline import Pipeline

Page = NDArray[np.uint8]
Change = Callable[[Page, PageSample], Page]

TILTS = (-15, -8, -3, 3, 8, 15)
SQUARES_MM, SEYES_MM = 5.0, (8.0, 2.0)
DOT_MM = 0.5
STAVES_MM = 2.0, 10.0  # from line to line of a staff, and between staves
RULE = 190  # gray level of printed rules
WIDTH_MM = 210.0  # assumed resolution of the paper


def tilted(degrees: float) -> Change:
    """Rotate a page on a larger sheet."""

    def change(page: Page, sample: PageSample) -> Page:
        paper = int(np.percentile(page, 80))
        picture = Image.fromarray(page)
        turned = picture.rotate(degrees, Image.Resampling.BICUBIC, True, fillcolor=paper)
        return np.asarray(turned)

    return change


def squared(page: Page, sample: PageSample) -> Page:
    """Put a page on squared paper."""
    step = SQUARES_MM * page.shape[1] / WIDTH_MM
    return _ruled(page, np.arange(step, page.shape[0], step), np.arange(step, page.shape[1], step))


def seyes(page: Page, sample: PageSample) -> Page:
    """Put a page on French school ruling: a line every 2 mm, a stronger vertical every 8 mm."""
    down, along = (mm * page.shape[1] / WIDTH_MM for mm in SEYES_MM)
    return _ruled(
        page, np.arange(along, page.shape[0], along), np.arange(down, page.shape[1], down)
    )


def _ruled(page: Page, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> Page:
    thick = max(1, page.shape[1] // 1500)
    ruled = Image.new("L", (page.shape[1], page.shape[0]), 255)
    draw = ImageDraw.Draw(ruled)
    for y in rows:
        draw.line((0, y, page.shape[1], y), RULE, thick)
    for x in columns:
        draw.line((x, 0, x, page.shape[0]), RULE, thick)
    return np.minimum(page, np.asarray(ruled))


def dotted(page: Page, sample: PageSample) -> Page:
    """On dotted paper: a dot every 5 mm, both ways."""
    step = SQUARES_MM * page.shape[1] / WIDTH_MM
    size = max(1, round(DOT_MM * page.shape[1] / WIDTH_MM))
    found = page.copy()
    for y in np.arange(step, page.shape[0] - size, step).astype(int):
        for x in np.arange(step, page.shape[1] - size, step).astype(int):
            dot = found[y : y + size, x : x + size]
            np.minimum(dot, RULE, out=dot)
    return found


def staves(page: Page, sample: PageSample) -> Page:
    """On music paper: staves of five lines 2 mm apart, 10 mm from one to the next."""
    step, between = (mm * page.shape[1] / WIDTH_MM for mm in STAVES_MM)
    tops = np.arange(between, page.shape[0], 4 * step + between)
    rows = np.concatenate([tops + number * step for number in range(5)])
    return _ruled(page, rows[rows < page.shape[0]], np.zeros(0))


def worn(page: Page, sample: PageSample) -> Page:
    """With a fold across and one down, and before the writing punch holes and a margin line."""
    mm = page.shape[1] / WIDTH_MM
    paper = int(np.percentile(page, 80))
    found = np.pad(page, ((0, 0), (round(20 * mm), 0)), constant_values=paper).astype(np.float32)
    for axis in (0, 1):
        away = np.abs(np.arange(found.shape[axis]) - found.shape[axis] / 2) / mm
        shade = 1 - 0.35 * np.exp(-away)
        found *= shade[:, np.newaxis] if axis == 0 else shade
    picture = Image.fromarray(found.astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    draw.line((18 * mm, 0, 18 * mm, picture.height), RULE, max(1, page.shape[1] // 1500))
    for y in (0.35 * picture.height, 0.65 * picture.height):
        draw.ellipse((6 * mm, y - 3 * mm, 12 * mm, y + 3 * mm), fill=20)
    return np.asarray(picture)


def shadowed(page: Page, sample: PageSample) -> Page:
    """Add the dark edge of a copier and a shadow next to it."""
    across = np.arange(page.shape[1]) / page.shape[1]
    light = np.clip(0.45 + 2.5 * across, 0.0, 1.0)
    light[across < 0.03] = 0.12
    return (page * light).round().astype(np.uint8)


def beside_itself(page: Page, sample: PageSample) -> Page:
    """Put two pages side by side, like an open book."""
    return np.concatenate([page, page], axis=1)


CHANGES: Dict[str, Change] = {
    "plain": lambda page, sample: page,
    "inverted": lambda page, sample: (255 - page).astype(np.uint8),
    "turned by 90": lambda page, sample: np.ascontiguousarray(np.rot90(page)),
    "turned by 180": lambda page, sample: np.ascontiguousarray(np.rot90(page, 2)),
    "turned by 270": lambda page, sample: np.ascontiguousarray(np.rot90(page, 3)),
    **{f"tilted by {degrees}": tilted(degrees) for degrees in TILTS},
    "squares of 5 mm": squared,
    "Séyès": seyes,
    "dots of 5 mm": dotted,
    "music paper": staves,
    "margin line, folds, holes": worn,
    "shadow and edge": shadowed,
    "two side by side": beside_itself,
}
SINGLE_LINES = {"single lines": PAGE, 'single lines, what="line"': LINE}


@dataclass
class Row:
    """The results of all pages under one transformation."""

    errors: ErrorRate
    expected: int = 0
    found: int = 0
    empty: int = 0

    def add(self, reference: Sequence[str], read: str, lines: int) -> None:
        self.errors.add(page_text(reference), normalize(read))
        self.expected += len(reference)
        self.found += lines
        self.empty += lines == 0


def read_changed(samples: Sequence[PageSample], name: str, pipeline: Pipeline) -> Row:
    row = Row(ErrorRate())
    for sample in tqdm(samples, name, leave=False, disable=None):
        result = pipeline.transcribe_page(CHANGES[name](sample.load_image(), sample))
        texts = [line.text for line in sample.lines]
        if name == "two side by side":
            texts = texts * 2
        row.add(texts, result.text, len(result.lines))
    return row


def read_single_lines(samples: Sequence[PageSample], name: str, pipeline: Pipeline) -> Row:
    """Cut out each line with a small margin and read it as a picture."""
    row = Row(ErrorRate())
    options = replace(pipeline.options, what=SINGLE_LINES[name])
    for sample in tqdm(samples, name, leave=False, disable=None):
        page = sample.load_image()
        for line in sample.line_samples():
            if line.line is None:
                continue
            left, top, right, bottom = line.line.box.expanded(8, 8).clipped(sample.size).as_tuple()
            crop = np.ascontiguousarray(page[int(top) : int(bottom), int(left) : int(right)])
            result = pipeline.transcribe_page(crop, options=options)
            row.add([line.text], result.text, len(result.lines))
    return row


def comparable(path: Path, split: str, count: Optional[int]) -> List[PageSample]:
    """Return completely labeled pages, spread over the collection."""
    pages = [
        page
        for page in data.load("pages_json", path, split=split).pages
        if page.lines and all(line.text and "consent" not in line.tags for line in page.lines)
    ]
    step = 1 if count is None else max(1, len(pages) // count)
    return pages[::step][:count]


def table(rows: Sequence[Tuple[str, Row]]) -> str:
    plain = rows[0][1].errors.rate
    lines = [
        "| pages | CER | more than plain | lines found / expected | without a line |",
        "|---|---|---|---|---|",
    ]
    for name, row in rows:
        more = row.errors.rate - plain
        cells = (f"{row.errors.rate:.3f}", f"{more:+.3f}", f"{row.found} / {row.expected}")
        lines.append(f"| {name} | {' | '.join(cells)} | {row.empty} |")
    return "\n".join(lines)


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages_json", nargs="+", type=Path)
    parser.add_argument("--split", default="validation")
    parser.add_argument("--pages", type=int, help="of each collection, at most")
    parser.add_argument("--only", nargs="+", help="changes; plain pages are always read")
    parser.add_argument("--bundle")
    parser.add_argument("--as-given", action="store_true", help="turn no page")
    args = parser.parse_args(arguments)
    # only handwriting is labeled, but sheets of Copiste contain print
    orientation = AS_GIVEN if args.as_given else AUTO
    options = ReadingOptions(orientation=orientation, kinds=HANDWRITTEN)
    bundle = load_bundle(args.bundle)
    pipeline = Pipeline(bundle=bundle, options=options)
    names = [name for name in CHANGES if not args.only or name in ("plain", *args.only)]
    for path in args.pages_json:
        samples = comparable(path, args.split, args.pages)
        print(f"{path.parent.name} {args.split}: {len(samples)} pages, {bundle.label}\n")
        rows = [(name, read_changed(samples, name, pipeline)) for name in names]
        for name in SINGLE_LINES:
            if not args.only or name in args.only:
                rows.append((name, read_single_lines(samples, name, pipeline)))
        print(table(rows), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
