"""Train a page labeler on real and synthetic pages, by the clock; started again, it goes on.

    python train_labeler.py --kind line-segmentation --data ../../../shared/data \
        --synthetic runs/pages --minutes 25 --out runs/line-segmentation.npz
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import pickle
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib import data
from htrlib.data.labels import label_crop, text_height
from htrlib.data.samples import PageSample
from htrlib.document import TextLine
from htrlib.networks import gluon, mx
from htrlib.networks.labeler import LabelerConfig, PageLabeler
from htrlib.networks.runner import get_parameters
from htrlib.stages.lines import REGION_AREA
from htrlib.stages.paragraph import PAGE_AREA

SIDE = 448
BATCH = 4
CROPS_OF_A_PAGE = 2
HEIGHTS = (18.0, 72.0)  # of text lines, in pixels of the crop
LEARNING_RATE = 2e-3
AVERAGE_FROM = 0.5  # of the time
COLLECTIONS = ("copiste", "copiste", "testaments")  # the latter leaves much writing unlabeled
LABELS = {"line-segmentation": 2, "paragraph": 1}
Page = Tuple[NDArray[np.uint8], List[TextLine]]


def crop_scale(kind: str, page: Page, rng: np.random.Generator) -> float:
    """Pixels of a crop for each pixel of the page."""
    image, lines = page
    jitter = math.exp(rng.uniform(-0.4, 0.4))
    if kind == "paragraph":
        return math.sqrt(PAGE_AREA / image.size) * jitter
    height = text_height(lines)
    if height:
        return math.exp(rng.uniform(*np.log(HEIGHTS))) / height
    return math.sqrt(REGION_AREA / image.size) * jitter


def feed(kind: str, real: Sequence[PageSample], folder: Path, queue: Any, seed: int) -> None:
    """Put crops with labels into a queue, for ever."""
    rng = np.random.default_rng(seed)
    rendered = sorted(folder.glob("*.pkl"))
    while True:
        if rendered and rng.random() < 0.5:
            path = rendered[int(rng.integers(len(rendered)))]
            page: Page = pickle.loads(path.read_bytes())  # noqa: S301 - render_pages.py wrote it
        else:
            sample = real[int(rng.integers(len(real)))]
            lines = [line.line for line in sample.lines if line.line is not None]
            page = sample.load_image(), lines
        for _ in range(CROPS_OF_A_PAGE):
            scale = min(crop_scale(kind, page, rng), 3.0)
            queue.put(label_crop(*page, scale, SIDE, rng))


def rate(done: float, step: int) -> float:
    """Warm-up, then half a cosine over the time."""
    return LEARNING_RATE * min(1.0, (step + 1) / 100) * (0.51 + 0.49 * math.cos(math.pi * done))


def start(network: Any, checkpoint: Path, init: Optional[Path]) -> float:
    """Parameters of a checkpoint, of another network, or fresh; returns the seconds spent."""
    network.initialize(mx.init.Xavier())
    source = checkpoint if checkpoint.exists() else init
    if source is None:
        return 0.0
    with np.load(source) as saved:
        for name, parameter in network._collect_params_with_prefix().items():
            if name in saved and saved[name].shape == parameter.shape:
                parameter.set_data(mx.nd.array(saved[name]))
        return float(saved["seconds"]) if "seconds" in saved else 0.0


def train(kind: str, queue: Any, minutes: float, out: Path, init: Optional[Path]) -> None:
    network = PageLabeler(LabelerConfig(LABELS[kind]))
    checkpoint = out.with_suffix(".state.npz")
    seconds = start(network, checkpoint, init)
    network.hybridize(static_alloc=True, static_shape=True)
    trainer = gluon.Trainer(network.collect_params(), "adam")
    loss_of = gluon.loss.SigmoidBinaryCrossEntropyLoss()
    average: Optional[Dict[str, NDArray[np.float32]]] = None
    step, losses = 0, []
    while seconds < 60 * minutes:
        clock = time.time()
        done = seconds / (60 * minutes)
        trainer.set_learning_rate(rate(done, step))
        batch = [queue.get() for _ in range(BATCH)]
        ink = mx.nd.array(np.stack([b[0] for b in batch])[:, np.newaxis] / np.float32(255))
        labels = np.stack([b[1] for b in batch])[:, -LABELS[kind] :].astype(np.float32)
        with mx.autograd.record():
            loss = loss_of(network(ink), mx.nd.array(labels))
        loss.backward()
        trainer.step(BATCH)
        losses.append(float(loss.mean().asscalar()))
        step += 1
        seconds += time.time() - clock
        if done > AVERAGE_FROM and step % 5 == 0:
            now = get_parameters(network)
            average = (
                now
                if average is None
                else {name: 0.97 * average[name] + 0.03 * value for name, value in now.items()}
            )
        if step % 50 == 0:
            print(f"step {step} minutes {seconds / 60:.1f} loss {np.mean(losses):.4f}", flush=True)
            losses = []
            np.savez(checkpoint, seconds=seconds, **get_parameters(network))
    np.savez(out, **(average or get_parameters(network)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=sorted(LABELS), required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--synthetic", type=Path, required=True, help="folder of pages")
    parser.add_argument("--init", type=Path, help="parameters of a labeler to start from")
    parser.add_argument("--minutes", type=float, required=True, help="of training, in all")
    parser.add_argument("--out", type=Path, required=True, help="file.npz of parameters")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    real: List[PageSample] = []
    for name in COLLECTIONS:
        real += data.load("pages_json", args.data / name / "pages.json", split="train").pages
    queue: Any = multiprocessing.Queue(24)
    arguments = (args.kind, real, args.synthetic, queue, args.seed)
    multiprocessing.Process(target=feed, args=arguments, daemon=True).start()
    train(args.kind, queue, args.minutes, args.out, args.init)


if __name__ == "__main__":
    main()
