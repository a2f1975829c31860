"""Train a page labeler on real and synthetic pages, by the clock, resumable.

    python train_labeler.py --kind line-segmentation --minutes 20 --out runs/lines
"""
from __future__ import annotations

import argparse
import math
import multiprocessing
import pickle
import time
from pathlib import Path
from typing import Any, List, Tuple

import numpy as np

from htrlib import data
from htrlib.data.labels import label_crop, text_height
from htrlib.networks import gluon, mx
from htrlib.networks.labeler import LabelerConfig, PageLabeler
from htrlib.networks.runner import get_parameters

SIDE = 448
PAGE_AREA = 400_000  # pixels that the paragraph labeler sees of a page


def crops(kind: str, pages: List[Any], synthetic: Path, queue: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rendered: List[Path] = []
    while True:
        if rng.random() < 0.05 or not rendered:
            rendered = sorted(synthetic.glob("*.pkl"))
        if rendered and rng.random() < 0.5:
            image, lines = pickle.loads(rendered[int(rng.integers(len(rendered)))].read_bytes())
        else:
            sample = pages[int(rng.integers(len(pages)))]
            image, lines = sample.load_image(), [l.line for l in sample.lines if l.line is not None]
        for _ in range(2):
            height = text_height(lines)
            if kind == "paragraph":
                scale = math.sqrt(PAGE_AREA / image.size) * math.exp(rng.uniform(-0.4, 0.4))
            elif height:
                scale = math.exp(rng.uniform(math.log(18), math.log(72))) / height
            else:
                scale = math.sqrt(600_000 / image.size) * math.exp(rng.uniform(-0.4, 0.4))
            queue.put(label_crop(image, lines, min(scale, 3.0), SIDE, rng))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kind", choices=["paragraph", "line-segmentation"], required=True)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--synthetic", type=Path, required=True)
    parser.add_argument("--init", type=Path)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    pages = []
    for name in ("copiste", "testaments"):
        pages += list(data.load("pages_json", args.data / name / "pages.json", split="train"))
    queue: Any = multiprocessing.Queue(24)
    worker = multiprocessing.Process(target=crops, args=(args.kind, pages, args.synthetic, queue, 1), daemon=True)
    worker.start()
    config = LabelerConfig(2 if args.kind == "line-segmentation" else 1)
    network = PageLabeler(config)
    network.initialize(mx.init.Xavier())
    if args.init:
        with np.load(args.init) as saved:
            for name, parameter in network._collect_params_with_prefix().items():
                if name in saved and saved[name].shape == parameter.shape:
                    parameter.set_data(mx.nd.array(saved[name]))
    network.hybridize(static_alloc=True, static_shape=True)
    trainer = gluon.Trainer(network.collect_params(), "adam", {"learning_rate": 1e-3})
    loss_of = gluon.loss.SigmoidBinaryCrossEntropyLoss()
    average = None
    start, step, running = time.time(), 0, 0.0
    while (time.time() - start) / 60 < args.minutes:
        done = (time.time() - start) / 60 / args.minutes
        trainer.set_learning_rate(2e-3 * min(1.0, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))))
        batch = [queue.get() for _ in range(4)]
        ink = mx.nd.array(np.stack([b[0] for b in batch])[:, None].astype(np.float32) / 255)
        truth = np.stack([b[1] for b in batch]).astype(np.float32)
        truth = mx.nd.array(truth if config.num_labels == 2 else truth[:, 1:])
        with mx.autograd.record():
            loss = loss_of(network(ink), truth)
        loss.backward()
        trainer.step(4)
        step += 1
        if step % 5 == 0 and done > 0.5:
            now = get_parameters(network)
            average = now if average is None else {k: 0.97 * average[k] + 0.03 * v for k, v in now.items()}
        running += float(loss.mean().asscalar())
        if step % 25 == 0:
            print(f"step {step} min {(time.time() - start) / 60:.1f} loss {running / 25:.4f} queue {queue.qsize()}", flush=True)
            running = 0.0
        if step % 200 == 0:
            np.savez(args.out, **(average or get_parameters(network)))
    np.savez(args.out, **(average or get_parameters(network)))
    print("done", flush=True)


if __name__ == "__main__":
    main()
