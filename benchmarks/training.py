"""Measure the speed of training the recognizer, including loader and augmentation.

    python benchmarks/training.py --minutes 3

Trains a network of 1.5 million parameters from scratch on synthetic lines of mixed widths, and
prints unpadded input columns per second for each range of steps, and the fraction of the time spent
waiting for batches. The first ranges include planning each shape of batch.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import List

import numpy as np

from htrlib import Trainer, TrainerConfig
from htrlib.data import Dataset, LineSample
from htrlib.synthesis.handwriting import BUNDLED_FONTS, draw_line, load_fonts
from htrlib.training.logs import STEPS

NETWORK = {
    "stem": 24,
    "blocks": ((40, (2, 2)), (80, (2, 1)), (80, (1, 1)), (128, (2, 1))),
    "hidden": 160,
}
WORDS = (
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "that",
    "it",
    "was",
    "for",
    "on",
    "are",
    "with",
    "his",
)


def written_lines(folder: Path, count: int) -> Dataset:
    """Render lines of two to fourteen words as pictures in a folder."""
    from PIL import Image

    fonts = load_fonts(BUNDLED_FONTS, sorted(set("".join(WORDS))))
    rng = np.random.default_rng(1)
    samples: List[LineSample] = []
    for number in range(count):
        font = fonts[number % len(fonts)]
        text = " ".join(rng.choice(WORDS, int(rng.integers(2, 15))))
        drawn = draw_line(text, font, 60.0, rng)
        path = folder / f"{number}.png"
        Image.fromarray(np.pad(255 - drawn.ink, 8, constant_values=255)).save(path)
        samples.append(LineSample(path, drawn.text, str(number)))
    return Dataset(tuple(samples))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--lines", type=int, default=800)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--batch-columns", type=int, default=TrainerConfig.batch_columns)
    parser.add_argument("--float32", action="store_true", help="also where the CPU has bfloat16")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        config = TrainerConfig(
            epochs=1000,
            minutes=args.minutes,
            workers=args.workers,
            batch_columns=args.batch_columns,
            bfloat16=False if args.float32 else None,
            checkpoint_minutes=60,
        )
        trainer = Trainer(
            "line-recognition",
            config=config,
            network=NETWORK,
            directory=folder / "run",
            device="cpu",
        )
        trainer.fit(written_lines(folder, args.lines))
        rows = (folder / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [entry for entry in map(json.loads, rows) if entry["event"] == "steps"]
    threads = os.environ.get("OMP_NUM_THREADS", "?")
    print(f"{platform.machine()}, {os.cpu_count()} cores, {threads} threads for the network")
    print("| steps | columns/s | waiting for batches |")
    print("|---|---|---|")
    for entry in entries:
        span = f"{entry['step'] - STEPS} to {entry['step']}"
        print(
            f"| {span} | {entry['columns_per_second']:,.0f} | {100 * entry['loader_share']:.1f} % |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
