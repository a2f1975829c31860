"""Upright pages that are turned or inverted by mistake.

    python benchmarks/upright.py ../shared/data/csafe/transcripts.json --splits train validation
    python benchmarks/upright.py --fonts ../shared/data/fonts --text ../shared/data/text/alice.txt

Runs only the correction of orientation on pages that are known to be upright, and prints how many
were turned by a quarter or a half, inverted, or leveled, with the names of those that should not
have been. With `--read` the pages are also read, since one that reads poorly is looked at again.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Iterable, Iterator, List, Optional, Tuple

from tqdm import tqdm

from htrlib import data
from htrlib.bundle import load_bundle
from htrlib.images.loading import Page
from htrlib.reading.pages import Reading, recognize_pages, turn_upright
from htrlib.reading.pipeline import Pipeline

SEED = 900_000

NamedPage = Tuple[str, Page]


def labeled(path: Path, splits: List[str]) -> Iterator[NamedPage]:
    """The pages of a `pages.json`, or of a folder of PAGE XML."""
    pages = data.load("page_xml" if path.is_dir() else "pages_json", path).pages
    for page in pages:
        if path.is_dir() or page.split in splits:  # folders have no splits
            yield page.source, page.load_image()


def synthetic(fonts: Path, text: Path, count: int) -> Iterator[NamedPage]:
    for page in data.load("synthetic", fonts, text=text, pages=count, seed=SEED).pages:
        yield page.source, page.load_image()


def count_turned(pages: Iterable[NamedPage], pipeline: Pipeline, read: bool) -> str:
    found: Counter[str] = Counter()
    wrong = []
    for name, page in pages:
        reading = Reading(page)
        if read:
            recognize_pages([reading], pipeline)
        else:
            turn_upright(reading, pipeline)
        found["pages"] += 1
        transform = reading.transform
        if reading.error is not None:
            wrong.append(f"{name}: {reading.error!r}")
        elif transform is not None and (transform.quarter_turns or transform.inverted):
            found["turned"] += transform.quarter_turns != 0
            found["inverted"] += transform.inverted
            wrong.append(f"{name}: {transform}")
        elif transform is not None:
            found["leveled"] += transform.tilt != 0
    counts = ", ".join(f"{found[key]} {key}" for key in ("pages", "turned", "inverted", "leveled"))
    return "\n  ".join((counts, *wrong))


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("collections", nargs="*", type=Path, help="pages.json, or PAGE XML folders")
    parser.add_argument("--splits", nargs="+", default=["train", "validation"])
    parser.add_argument("--fonts", type=Path, help="for synthetic pages")
    parser.add_argument("--text", type=Path, help="for synthetic pages")
    parser.add_argument("--count", type=int, default=300, help="of synthetic pages")
    parser.add_argument("--read", action="store_true")
    parser.add_argument("--bundle")
    args = parser.parse_args(arguments)
    bundle = load_bundle(args.bundle)
    pipeline = Pipeline(bundle=bundle)
    print(bundle.label)
    sources = [(str(path), labeled(path, args.splits)) for path in args.collections]
    if args.fonts:
        sources.append(("synthetic", synthetic(args.fonts, args.text, args.count)))
    for name, pages in sources:
        told = count_turned(tqdm(pages, name, leave=False, disable=None), pipeline, args.read)
        print(f"{name}: {told}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
