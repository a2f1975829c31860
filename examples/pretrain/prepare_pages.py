"""Prepare pages for `train_labeler.py`: render documents or forms, or cut views of labeled pages.

    python prepare_pages.py rendered --fonts runs/fonts --data ../../../shared/data \
        --count 2000 --output runs/pages-rendered
    python prepare_pages.py real --fonts runs/fonts --data ../../../shared/data \
        --count 2000 --init runs/english --output runs/pages-real
    python prepare_pages.py forms --fonts ../../../shared/data/fonts --data ../../../shared/data \
        --count 500 --output runs/pages-rendered

A third of the views of labeled pages goes on with rendered print on paper like their own, so that
a scan's look does not give away what is written by hand; an eighth are two pages side by side.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import List

import numpy as np
from document_sheet import Stock
from document_stock import load_stock
from held_out import fonts_below
from page_store import UNSURE, PageWriter, label_bytes
from real_views import Source, side_by_side, turned, view_of, with_places, with_print
from render_documents import render_document
from render_pages import words

from htrlib import data
from htrlib.data.synthetic_pages import sample_of
from htrlib.images.regions import page_ink
from htrlib.synthesis.pages import render_page

COLLECTIONS = (
    *("csafe/transcripts.json", "copiste/pages.json", "testaments/pages.json"),
    *("archives/inkbench/pages.json", "archives/cremma17/pages.json"),
    *("archives/cremma18/pages.json", "archives/cremma19/pages.json"),
    *("archives/cremma20/pages.json", "archives/fondue18/pages.json"),
    *("archives/htromance/pages.json", "archives/timeus/pages.json"),
    *("archives/lecrep/pages.json", "archives/bronod/pages.json"),
    *("archives/peraire/pages.json", "archives/tqmodern/pages.json"),
)
COMPLETE = ("csafe", "copiste")  # below their first line, no text is without label
MIXED = ("lecrep",)  # the print of its forms is labeled as the writing is
PAIRS, PRINTED = 0.12, 0.3  # shares of the views


def sources(root: Path, split: str, bundle: str, left_out: List[str]) -> List[Source]:
    """Return the labeled pages of a split."""
    found = []
    for name in COLLECTIONS:
        collection = name.split("/")[-2]
        if collection in left_out or not (root / name).is_file():
            continue
        kind = "unknown" if collection in MIXED else "handwritten"
        for page in data.load("pages_json", root / name, split=split).pages:
            found.append(with_places(Source(page, kind, collection in COMPLETE), bundle))
    return found


def add_views(writer: PageWriter, pages: List[Source], stock: Stock, seed: int, count: int) -> None:
    """Add views of random pages."""
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        source, other = (pages[int(rng.integers(len(pages)))] for _ in range(2))
        view, chance = view_of(source, rng), rng.random()
        if chance < PAIRS:
            view = side_by_side(view, view_of(other, rng), rng)
        elif chance < PAIRS + PRINTED:
            view = with_print(view, stock, rng)
        ink, labels = turned(view.ink, view.labels, float(rng.normal(0, 1.5)))
        writer.add(ink, labels, source.page.source)


def add_documents(writer: PageWriter, stock: Stock, seed: int, count: int) -> None:
    """Add rendered documents."""
    for number in range(count):
        document = render_document(stock, np.random.default_rng((seed, number)))
        labels = label_bytes(document.lines, document.image.shape[::-1])
        writer.add(page_ink(document.image), labels, document.layout)


def add_forms(writer: PageWriter, fonts: Path, root: Path, seed: int, count: int) -> None:
    """Add views of the pages of `render_pages.py`; their print counts as paper."""
    hands, written = fonts_below(fonts), words(root)
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        page = sample_of(render_page(written, hands, rng), f"{number:05d}")
        view = view_of(Source(page), rng)
        writer.add(view.ink, view.labels & ~np.uint8(UNSURE), page.source)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("rendered", "forms", "real"))
    parser.add_argument("--fonts", type=Path, required=True, help="as gather_fonts.py fills it")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--init", default="english", help="bundle that outlines boxes of lines")
    parser.add_argument("--without", nargs="*", default=[], help="collections to leave out")
    parser.add_argument("--validation", action="store_true", help="what no training sees")
    args = parser.parse_args()
    with PageWriter(args.output) as writer:
        _add(args, writer)


def _add(args: argparse.Namespace, writer: PageWriter) -> None:
    if args.what == "forms":
        add_forms(writer, args.fonts, args.data, args.seed, args.count)
        return
    stock = load_stock(args.fonts, args.data / "text", validation=args.validation)
    if args.what == "rendered":
        add_documents(writer, stock, args.seed, args.count)
        return
    split = "validation" if args.validation else "train"
    pages = sources(args.data, split, args.init, args.without)
    add_views(writer, pages, stock, args.seed, args.count)


if __name__ == "__main__":
    main()
