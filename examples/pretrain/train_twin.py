"""Train the line recognizer's twin on real and drawn lines until a time of day.

    torchrun --nproc-per-node 2 train_twin.py --lines runs/lines --fonts FONTS --texts TEXTS \
        --letters inkbench/pages.json --init BUNDLE --until 16:22 --out runs/twin

One process a core is faster than two threads of one process. The learning rate follows the clock:
flat, then a cosine down to a hundredth at the end. To resume an interrupted run, repeat the
command; `--mixture` may change in between. `twin_bundle.py` makes a bundle of the result.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

import numpy as np
import torch
import torch.distributed as dist
from drawn_lines import drawings, drawn, english_words, french_words, transcript_words
from labeled import COLLECTIONS
from letter_collage import letter_collage
from line_source import LineSource, Mixture
from line_store import CutLine, load
from rapidfuzz.distance import Levenshtein
from texts import CHARACTERS, in_capitals, read_words
from torch.utils.data import DataLoader
from twin_training import HEIGHT, Schedule, Training, read
from word_collage import collages

from htrlib.bundle import Bundle, load_bundle
from htrlib.document.charset import Charset
from htrlib.engines.network_shapes import RecognizerConfig
from htrlib.engines.port import RECOGNIZER
from htrlib.training.batches.augmentation import LineAugmentation

SAVE_EVERY, SCORE_EVERY = 180, 840  # seconds
DAY = 86400  # seconds
VALIDATED = 40  # lines of a collection, about
COLUMNS = 16384  # of a process's batch: lines by sixteens suit the kernels of `fast_lstm`
COLLAGE = 0.4  # of the real lines, where the words have been found
BLEED = 0.2  # of the real lines
FILLER = 0.04  # of the handwritten lines
CAPITALS = "capitals"  # the lines in capitals of all collections, which are few, once more
HEADINGS = ("lecrep",)  # collections whose capitals are print
SHARES = {"real": 0.62, "hand": 0.10, "print": 0.14, "type": 0.14}
WEIGHTS = {  # how often a line is drawn; labeled by clerks' lists least, by letters most
    **dict.fromkeys(COLLECTIONS, 1.0),
    **{f"{name}-found": 0.8 for name in COLLECTIONS},
    **{"csafe": 0.6, "csafe-found": 1.8, "copiste": 0.6, "testaments": 0.6, "timeus": 0.6},
    **{"inkbench": 2.5, "inkbench-realigned": 2.0, "cremma17": 1.5, "htromance": 1.5},
    **{"lecrep": 0.1, "lecrep-found": 0.0},
}


@dataclass(frozen=True)
class Plan:
    """What the lines are drawn from; see `Mixture` and `LineSource`.

    Attributes:
        letters: collection -> how often a page of it gives letters to lines of the share
            `letters`, see `letter_collage`.
        augmentation: fields of `LineAugmentation` that are not its defaults.
    """

    shares: Mapping[str, float] = field(default_factory=lambda: SHARES)
    weights: Mapping[str, float] = field(default_factory=lambda: WEIGHTS)
    columns: int = COLUMNS
    collage: float = COLLAGE
    bleed: float = BLEED
    filler: float = FILLER
    letters: Mapping[str, float] = field(default_factory=dict)
    augmentation: Mapping[str, Any] = field(default_factory=dict)


def scores(training: Training, validation: Mapping[str, List[CutLine]]) -> Dict[str, float]:
    """CER of the average's best path by collection; the processes share the lines."""
    world = dist.get_world_size()
    counts = torch.zeros(len(validation), 2)
    for row, lines in enumerate(validation.values()):
        mine = lines[training.rank :: world]
        for line, text in zip(mine, read(training.average, mine, training.charset)):
            edits = Levenshtein.distance(line.text, text)
            counts[row] += torch.tensor([float(edits), float(len(line.text))])
    dist.all_reduce(counts)
    return {name: float(row[0] / row[1]) for name, row in zip(validation, counts)}


def run(training: Training, source: LineSource, validation: Mapping[str, List[CutLine]]) -> None:
    """Train until the time is over."""
    progress = training.progress
    loader = iter(DataLoader(source, batch_size=None, num_workers=1, prefetch_factor=24))
    losses: List[float] = []
    while training.done < 1:
        losses.append(training.step(next(loader)))
        if progress.step % 50 == 0:
            report(training, lines=progress.lines, loss=float(np.mean(losses)), rate=training.rate)
            losses = []
        if training.now - progress.saved > SAVE_EVERY:
            training.save()
        if training.now - progress.scored > SCORE_EVERY:
            progress.scored = training.now
            report(training, **scores(training, validation))
    training.save()
    report(training, **scores(training, validation))


def report(training: Training, **values: float) -> None:
    """Add a row to `log.jsonl`."""
    if training.rank == 0:
        row = {"step": training.progress.step, **{k: round(v, 6) for k, v in values.items()}}
        with (training.out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def seconds_of(clock: str) -> float:
    """When a clock shows HH:MM, in seconds since the epoch: today, or after the next midnight."""
    hour, minute = map(int, clock.split(":"))
    today = time.mktime((*time.localtime()[:3], hour, minute, 0, 0, 0, -1))
    return today if today > time.time() - DAY / 2 else today + DAY


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lines", type=Path, required=True, help="what cut_lines.py wrote")
    parser.add_argument("--fonts", type=Path, required=True, help="folder of hand, print and type")
    parser.add_argument("--texts", type=Path, required=True, help="folder of English books")
    parser.add_argument("--letters", type=Path, help="pages.json whose transcripts are drawn too")
    parser.add_argument(
        "--french", type=Path, nargs="*", default=(), help="text files whose French is drawn too"
    )
    parser.add_argument("--mixture", type=Path, help="JSON of the fields of Plan")
    parser.add_argument("--until", required=True, help="HH:MM")
    parser.add_argument("--flat", type=float, default=0.4, help="share of the time at peak rate")
    parser.add_argument("--peak-rate", type=float, default=1e-3, help="of learning")
    parser.add_argument("--init", type=Path, help="bundle whose recognizer to start from")
    parser.add_argument("--seed", type=int, default=0, help="another one for each run of a mean")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args(arguments or None)


def main(arguments: Sequence[str] = ()) -> None:
    args = parsed(arguments)
    torch.set_num_threads(1)
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", "29511")
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    dist.init_process_group("gloo", rank=rank, world_size=world)
    args.out.mkdir(parents=True, exist_ok=True)
    charset = Charset(tuple(CHARACTERS))
    plan = Plan(**json.loads(args.mixture.read_text(encoding="utf-8"))) if args.mixture else Plan()
    real = lines_of(args.lines, plan.weights, "train")
    french, letters = french_words(real), transcript_words(args.letters) if args.letters else []
    if plan.weights.get(CAPITALS):
        hands = (lines for name, lines in real.items() if name not in HEADINGS)
        real[CAPITALS] = [line for lines in hands for line in lines if in_capitals(line.text)]
    read_french = [*french, *read_words(args.french)]
    english, held_english = (english_words(args.texts, held) for held in (False, True))
    drawing = drawings(args.fonts, english, read_french, letters, held=False)
    if plan.shares.get("letters"):
        words = [*english, *letters]
        drawing["letters"] = letter_collage(args.lines, plan.letters, words, read_french)
    unseen = drawings(args.fonts, held_english, french, letters, held=True)
    validation = {name: some(x) for name, x in lines_of(args.lines, None, "validation").items()}
    validation.update({name: drawn(draw, VALIDATED, 7) for name, draw in unseen.items()})
    mixture = Mixture(
        HEIGHT,
        plan.shares,
        plan.columns,
        plan.collage,
        plan.bleed,
        plan.filler,
        LineAugmentation(**plan.augmentation),
    )
    collage = collages(args.lines, list(real))
    schedule = Schedule(seconds_of(args.until), args.peak_rate, args.flat)
    start = load_bundle(args.init) if args.init else None
    training = Training(args.out, charset, schedule, rank, shape_for(charset, start))
    if not training.resume() and start is not None:
        training.start_from(start)
    seed = rank + 2 * training.progress.step + 1000003 * args.seed
    torch.manual_seed(seed)
    source = LineSource(real, plan.weights, drawing, charset, mixture, seed, collage)
    run(training, source, validation)
    dist.destroy_process_group()


def shape_for(charset: Charset, start: Optional[Bundle]) -> RecognizerConfig:
    """The shape of a bundle's recognizer, or the usual one, for a charset."""
    classes = len(charset) + 1
    if start is None:
        return RecognizerConfig(classes)
    return replace(
        RecognizerConfig.from_dict(start.network_config(RECOGNIZER)), num_classes=classes
    )


def lines_of(
    folder: Path, weights: Optional[Mapping[str, float]], split: str
) -> Dict[str, List[CutLine]]:
    """Collection -> its cut lines, of all collections or of those that have a weight."""
    names = [path.stem[: -len(split) - 1] for path in sorted(folder.glob(f"*_{split}.json"))]
    wanted = [name for name in names if weights is None or weights.get(name)]
    return {name: load(folder / f"{name}_{split}") for name in wanted}


def some(lines: Sequence[CutLine]) -> List[CutLine]:
    """A few lines that stand for all, without the consent that many copied."""
    own = [line for line in lines if not line.consent]
    return own[:: max(1, len(own) // VALIDATED)]


if __name__ == "__main__":
    main()
