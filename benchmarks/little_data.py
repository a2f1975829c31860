"""Measure the CER after fine-tuning on increasing numbers of labeled lines.

    python benchmarks/little_data.py --train page_xml HOOKER/train --test page_xml HOOKER/dev

For each number of lines, takes pages from the training data in random order until they have that
many, fine-tunes the bundle on them with the defaults of `htr train`, a tenth of the pages held out
to validate, and measures the test lines by the best path and with the language model. Prints a
table; the first row is the bundle as it is.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from htrlib import Trainer, TrainerConfig
from htrlib.bundle import Bundle, load_bundle
from htrlib.data import Dataset, PageSample
from htrlib.data.selecting import select
from htrlib.metrics import ErrorRate, normalize
from htrlib.progress import progress
from htrlib.reading.options import ReadingOptions
from htrlib.reading.pipeline import Pipeline

LINES = (50, 100, 300, 1000)
DECODERS = ("greedy", "beam")


def first_lines(dataset: Dataset, count: int, seed: int) -> Dataset:
    """Take pages in random order until they have `count` lines; the last page is cut short."""
    pages = [page for page in dataset.pages if any(_usable(page))]
    random.Random(seed).shuffle(pages)
    taken: List[PageSample] = []
    left = count
    for page in pages:
        lines = tuple(line for line in page.lines if line.text and line.line is not None)[:left]
        taken.append(dataclasses.replace(page, lines=lines))
        left -= len(lines)
        if left == 0:
            break
    if left:
        raise SystemExit(f"the training data have {count - left} lines, {count} are asked for")
    return Dataset(tuple(taken))


def _usable(page: PageSample) -> List[bool]:
    return [bool(line.text) and line.line is not None for line in page.lines]


def error_rates(bundle: Bundle, test: Dataset) -> Dict[str, float]:
    """Return the CER of the test lines at their labeled positions, by decoder."""
    pipeline = Pipeline(bundle=bundle)
    rates = {name: ErrorRate() for name in DECODERS}
    for page in progress(test.pages, "reading", len(test.pages)):
        known = [line for line in page.lines if line.text and line.line is not None]
        places = [line.line for line in known if line.line is not None]
        said = pipeline.recognize_lines(page.load_image(), places) if places else ()
        for name in DECODERS:
            options = ReadingOptions(decoder=name)
            for line, read in zip(known, pipeline.decode_lines(said, options)):
                rates[name].add(normalize(line.text), normalize(read.text))
    return {name: rate.rate for name, rate in rates.items()}


def fine_tuned(
    lines: Dataset, init: str, config: TrainerConfig, folder: Path, seed: int
) -> Tuple[Bundle, float]:
    """Fine-tune on lines; return the bundle and the minutes it took."""
    start = time.monotonic()
    train, validation = lines.split(0.9, by="page", seed=seed)
    trainer = Trainer("line-recognition", config=config, init=init, directory=folder / "run")
    trainer.fit(train, validation)
    trainer.save(folder / "bundle")
    return load_bundle(folder / "bundle"), (time.monotonic() - start) / 60


def row(name: str, minutes: float, rates: Dict[str, float]) -> str:
    cells = " | ".join(f"{rates[decoder]:.3f}" for decoder in DECODERS)
    return f"| {name} | {minutes:.0f} | {cells} |"


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--train", "--test"):
        parser.add_argument(name, nargs=2, required=True, metavar=("FORMAT", "PATH"))
    parser.add_argument("--lines", type=int, nargs="+", default=LINES)
    parser.add_argument("--init", default="english", help="bundle to start from")
    parser.add_argument("--epochs", type=int, help="at most (default: that of htr train)")
    parser.add_argument("--minutes", type=float, help="for each training, at most")
    parser.add_argument("--learning-rate", type=float, help="(default: that of htr train)")
    parser.add_argument("--workers", type=int, default=1, help="processes that cut lines")
    parser.add_argument("--test-pages", type=int, help="read only so many test pages")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(arguments)
    config = TrainerConfig(minutes=args.minutes, workers=args.workers, seed=args.seed)
    given = {"epochs": args.epochs, "learning_rate": args.learning_rate}
    given = {name: value for name, value in given.items() if value is not None}
    config = dataclasses.replace(config, **given)
    dataset, test = select(*args.train), Dataset(select(*args.test).pages[: args.test_pages])
    print("| lines | minutes | CER, best path | CER, language model |\n|---|---|---|---|")
    print(row("0", 0.0, error_rates(load_bundle(args.init), test)), flush=True)
    for count in args.lines:
        with tempfile.TemporaryDirectory() as folder:
            lines = first_lines(dataset, count, args.seed)
            bundle, minutes = fine_tuned(lines, args.init, config, Path(folder), args.seed)
            print(row(str(count), minutes, error_rates(bundle, test)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
