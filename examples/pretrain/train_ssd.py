"""Train the word detector on synthetic pages, by the clock; started again, it goes on.

    python train_ssd.py --synthetic pages --minutes 30 --out runs/ssd.npz

The folder of pages has NNNNN.pkl, a pickled (image, lines), and NNNNN.words, the lines' texts and
boxes of words. Beside the output, OUT.state.npz and OUT.trainer keep what a restart needs.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import pickle
import time
from pathlib import Path
from typing import Any, Dict, List

import numpy as np

from htrlib.data.labels import text_height
from htrlib.networks import gluon, mx
from htrlib.networks.runner import get_parameters
from htrlib.networks.ssd import SsdConfig, WordDetector
from htrlib.training.ssd_targets import (
    WordTargets,
    import_gluoncv,
    loss_weight,
    multi_box_loss,
    word_crop,
)

SIDE = 384
BATCH = 4
CROPS_OF_A_PAGE = 3
POOL = 24  # crops to draw from, so that those of a page come in different batches
HEIGHTS = (18.0, 64.0)  # of text lines, in pixels of the crop
LEARNING_RATE = 2e-3
AVERAGE_FROM = 0.5  # of the time


def feed(folder: Path, queue: Any, seed: int) -> None:
    """Put crops with targets into a queue, for ever."""
    rng = np.random.default_rng(seed)
    targets = WordTargets(SsdConfig(), SIDE)
    pages: List[Path] = []
    pool: List[Any] = []
    while True:
        if not pages or rng.random() < 0.02:
            pages = sorted(
                path for path in folder.glob("*.pkl") if path.with_suffix(".words").exists()
            )
        path = pages[int(rng.integers(len(pages)))]
        image, lines = pickle.loads(path.read_bytes())  # noqa: S301 - written by this project
        written = pickle.loads(path.with_suffix(".words").read_bytes())  # noqa: S301
        words = [box for _, boxes in written for box in boxes]
        height = text_height(lines) or rng.uniform(0.02, 0.06) * len(image)
        for _ in range(CROPS_OF_A_PAGE):
            scale = math.exp(rng.uniform(*np.log(HEIGHTS))) / height
            ink, boxes = word_crop(image, words, min(scale, 3.0), SIDE, rng)
            pool.append((ink, *targets(boxes)))
            if len(pool) > POOL:
                queue.put(pool.pop(int(rng.integers(len(pool)))))


def rate(done: float, step: int) -> float:
    """Warm-up, then half a cosine over the time."""
    return LEARNING_RATE * min(1.0, (step + 1) / 100) * (0.51 + 0.49 * math.cos(math.pi * done))


def save(path: Path, arrays: Dict[str, Any]) -> None:
    """Write arrays, the old file standing until the new one is whole."""
    scratch = path.with_suffix(".part.npz")
    np.savez(scratch, **arrays)
    scratch.replace(path)


class Run:
    """A network, its trainer, the average of its late parameters, and the minutes behind it."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.state = out.with_suffix(".state.npz")
        self.optimizer = out.with_suffix(".trainer")
        self.network = WordDetector(SsdConfig())
        self.network.initialize(mx.init.Xavier())
        self.trainer = gluon.Trainer(
            self.network.collect_params(), "adam", {"learning_rate": LEARNING_RATE}
        )
        self.average: Dict[str, Any] = {}
        self.step, self.minutes = 0, 0.0
        if self.state.exists():
            self._resume()
        self.network.hybridize(static_alloc=True, static_shape=True)

    def _resume(self) -> None:
        with np.load(self.state) as saved:
            for name, parameter in self.network._collect_params_with_prefix().items():
                parameter.set_data(mx.nd.array(saved[f"now.{name}"]))
                if f"average.{name}" in saved:
                    self.average[name] = saved[f"average.{name}"]
            self.step, self.minutes = int(saved["step"]), float(saved["minutes"])
        self.trainer.load_states(str(self.optimizer))

    def follow(self) -> None:
        """Move the average towards the parameters as they are."""
        now = get_parameters(self.network)
        old = self.average or now
        self.average = {name: 0.97 * old[name] + 0.03 * now[name] for name in now}

    def save(self) -> None:
        now = get_parameters(self.network)
        self.trainer.save_states(str(self.optimizer))
        state = {f"now.{name}": values for name, values in now.items()}
        state.update({f"average.{name}": values for name, values in self.average.items()})
        save(self.state, {**state, "step": self.step, "minutes": self.minutes})
        save(self.out, self.average or now)


def train(run: Run, queue: Any, minutes: float) -> None:
    """Go on until so many minutes are behind the run in all."""
    loss_of = multi_box_loss()
    start, losses = time.time() - 60 * run.minutes, []
    while run.minutes < minutes:
        done = run.minutes / minutes
        run.trainer.set_learning_rate(rate(done, run.step))
        crops, classes, offsets = (
            np.stack(part) for part in zip(*(queue.get() for _ in range(BATCH)))
        )
        ink = mx.nd.array(crops[:, np.newaxis].astype(np.float32) / 255)
        with mx.autograd.record():
            logits, moves = run.network(ink)
            total, _, box = loss_of(logits, moves, mx.nd.array(classes), mx.nd.array(offsets))
            loss = total[0] * loss_weight(classes)
        loss.backward()
        run.trainer.step(1)  # the loss is a mean over anchors of the batch already
        run.step += 1
        run.minutes = (time.time() - start) / 60
        losses.append((float(loss.sum().asscalar()), float(box[0].sum().asscalar())))
        if run.step % 5 == 0 and done > AVERAGE_FROM:
            run.follow()
        if run.step % 25 == 0:
            mean, box_mean = np.mean(losses, axis=0)
            losses.clear()
            print(
                f"step {run.step} minutes {run.minutes:.1f} loss {mean:.3f} box {box_mean:.3f} "
                f"queue {queue.qsize()}",
                flush=True,
            )
        if run.step % 200 == 0:
            run.save()
    run.save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--synthetic", type=Path, required=True, help="folder of pages")
    parser.add_argument("--minutes", type=float, required=True, help="of training, in all")
    parser.add_argument("--out", type=Path, required=True, help="file.npz of parameters")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    import_gluoncv()  # once, before the fork
    queue: Any = multiprocessing.Queue(24)
    seed = args.seed + int(time.time())  # started again, it sees other crops
    multiprocessing.Process(target=feed, args=(args.synthetic, queue, seed), daemon=True).start()
    mx.random.seed(args.seed)
    train(Run(args.out), queue, args.minutes)


if __name__ == "__main__":
    main()
