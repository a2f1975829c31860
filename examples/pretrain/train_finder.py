"""Train a page labeler or the word detector.

    python train_finder.py line-segmentation --data ../../../shared/data --synthetic runs/pages \
        --init runs/charset --minutes 25 --output runs/line-segmentation

The result is the bundle of `--init` with the network added or replaced. Half of what the labelers
see is rendered, the rest labeled pages; the word detector sees rendered pages alone, since only
those have boxes of words. Started again, it goes on.
"""

from __future__ import annotations

import sys
from itertools import cycle, islice
from pathlib import Path
from typing import Optional, Sequence, Tuple

from by_clock import parsed, parser_of, train

from htrlib import data
from htrlib.data.samples import concatenate

# How many crops of a page an epoch takes.
CROPS = {"line-segmentation": 2, "paragraph": 2, "line-segmentation-ssd": 3}
COLLECTIONS = ("copiste", "copiste", "testaments")  # the latter leaves much writing unlabeled


def pages(task: str, labeled: Path, synthetic: Path) -> Tuple[data.Dataset, Optional[data.Dataset]]:
    """Return the training and the validation pages."""
    rendered = data.load("page_xml", synthetic)
    if task == "line-segmentation-ssd":
        return rendered, None
    files = [labeled / name / "pages.json" for name in COLLECTIONS]
    real = concatenate(data.load("pages_json", file, split="train") for file in files)
    count = max(len(real), len(rendered))
    halves = (
        data.Dataset(tuple(islice(cycle(half), count)), half.problems) for half in (real, rendered)
    )
    return concatenate(halves), data.load("pages_json", files[0], split="validation")


def main(arguments: Sequence[str] = ()) -> int:
    parser = parser_of(__doc__.splitlines()[0])
    parser.add_argument("task", choices=CROPS)
    parser.add_argument("--synthetic", type=Path, required=True, help="folder of rendered pages")
    args = parsed(parser, arguments)
    return train(
        args.task,
        args,
        *pages(args.task, args.data, args.synthetic),
        crops_per_page=CROPS[args.task],
        learning_rate=2e-3,
        warmup=100,
        flat=0.0,
        average=0.994,
    )


if __name__ == "__main__":
    sys.exit(main())
