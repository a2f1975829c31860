"""Train a labeler of lines in PyTorch, by the clock, from a bundle's weights.

    python train_labeler.py --init runs/english --real runs/pages-real \
        --synthetic runs/pages-rendered --minutes 60 --output runs/labeler

The folders of pages are those of `prepare_pages.py`; they may grow meanwhile. The output holds
`line-segmentation.npz`, whose labels are the core and the area of lines and the kinds of text, and
the state from which a training that was stopped is resumed. With `--network
line-segmentation-handwriting`, lines of other kinds count as paper, and only the first two labels
are learned.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Sequence, Tuple

import numpy as np
import torch
from labeler_twin import LabelerTwin, load_parameters, parameters_of
from page_store import AREA, CORE, IGNORED, KIND_SHIFT, UNSURE, PageReader
from precision import autocast
from torch.nn import functional

from htrlib.document.kinds import HANDWRITTEN, KINDS
from htrlib.engines.port import HANDWRITTEN_LINES, LINES

LABELS = {
    LINES: ("core", "area", "handwritten", "typewritten", "printed"),
    HANDWRITTEN_LINES: ("core", "area"),
}
SIDE = 352  # pixels of a crop
CROPS = 3  # of each of the two folders in a step
BELIEVED = 0.35  # text found where nobody labeled: above it, nothing is learned there
KIND_WEIGHTS = (0.8, 1.4, 1.1)  # typescript is the rarest
SHARES = (1.0, 0.3, 0.4)  # of core, area and kind in the loss
WARMUP = 100  # steps
AVERAGE = 0.998
SECONDS_BETWEEN_CHECKPOINTS = 180

Losses = Tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def batch(
    folders: Sequence[PageReader], rng: np.random.Generator
) -> Tuple[torch.Tensor, torch.Tensor]:
    """(N, 1, S, S) ink between 0 and 1, (N, S / 2, S / 2) label bytes."""
    crops = [pages.crop(SIDE, rng) for pages in folders for _ in range(CROPS)]
    ink = np.stack([_worn(ink, rng) for ink, _ in crops])[:, np.newaxis]
    labels = torch.from_numpy(np.stack([labels for _, labels in crops]))
    return torch.from_numpy(ink).contiguous(memory_format=torch.channels_last), labels


def _worn(ink: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fainter or darker ink, with noise in half of the crops."""
    shades = ink.astype(np.float32) * math.exp(rng.uniform(-0.5, 0.3))
    if rng.random() < 0.5:
        shades += rng.uniform(0, 20) * rng.standard_normal(shades.shape, dtype=np.float32)
    return np.clip(shades, 0, 255) / 255


def handwriting_alone(labels: torch.Tensor) -> torch.Tensor:
    """Label bytes in which lines of other kinds are paper, and those of unknown kind ignored."""
    kind = (labels >> KIND_SHIFT) & 3
    other = (kind > 0) & (kind != 1 + KINDS.index(HANDWRITTEN))
    unknown = (kind == 0) & (labels & (CORE | AREA) > 0)
    paper = torch.where(other, labels & ~(CORE | AREA), labels)
    return torch.where(unknown, paper | IGNORED, paper)


def losses(logits: torch.Tensor, labels: torch.Tensor) -> Losses:
    """Mean losses of core, area and kind.

    Where text may be that nobody labeled, only what the network doubts is learned as paper: on
    archives' pages half of the lines have no label, and print has none at all.
    """
    core, area = ((labels & bit > 0).float() for bit in (CORE, AREA))
    with torch.no_grad():
        seen = torch.sigmoid(torch.maximum(logits[:, 0], logits[:, 1] - 0.5))[:, None]
        near = functional.max_pool2d(seen, 9, 1, 4)[:, 0]
        kept = (labels & IGNORED == 0) & ~((labels & UNSURE > 0) & (near > BELIEVED))
    counted = kept.sum().clamp(min=1)
    places = [
        (functional.binary_cross_entropy_with_logits(found, wanted, reduction="none") * kept).sum()
        / counted
        for found, wanted in zip((logits[:, 0], logits[:, 1]), (core, area))
    ]
    if logits.shape[1] == len(places):
        return places[0], places[1], torch.zeros(())
    kind = ((labels >> KIND_SHIFT) & 3).long()
    known = (kind > 0) & (core > 0)
    index = (kind - 1).clamp(min=0)
    weights = torch.tensor(KIND_WEIGHTS)[index] * known
    surprise = functional.cross_entropy(logits[:, 2:], index, reduction="none") * weights
    return places[0], places[1], surprise.sum() / weights.sum().clamp(min=1)


class Training:
    """The network, its running average, and what trains it."""

    def __init__(self, init: Path, name: str, rate: float) -> None:
        self.network, self.average = (LabelerTwin(len(LABELS[name])) for _ in range(2))
        self.name = name
        load_parameters(self.network, dict(np.load(init / f"{name}.npz")))
        self.average.load_state_dict(self.network.state_dict())
        self.network = self.network.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), rate, weight_decay=1e-4)
        self.rate, self.steps = rate, 0

    def step(self, ink: torch.Tensor, labels: torch.Tensor, share: float) -> Losses:
        """One step at a share of the training's time."""
        if self.name == HANDWRITTEN_LINES:
            labels = handwriting_alone(labels)
        warm = min(1.0, (self.steps + 1) / WARMUP)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * warm * (0.5 + 0.5 * math.cos(math.pi * min(1.0, share)))
        with autocast():
            logits = self.network.train()(ink)
        found = losses(logits.float(), labels)
        self.optimizer.zero_grad()
        sum(weight * loss for weight, loss in zip(SHARES, found)).backward()  # type: ignore
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.steps += 1
        self._follow(min(AVERAGE, (self.steps + 1) / (self.steps + 10)))
        return found

    def _follow(self, decay: float) -> None:
        with torch.no_grad():
            states = self.average.state_dict().values(), self.network.state_dict().values()
            for mean, value in zip(*states):
                if mean.dtype.is_floating_point:
                    mean.lerp_(value, 1 - decay)
                else:
                    mean.copy_(value)

    def save(self, output: Path) -> None:
        """Write the average as a bundle's file, and the state."""
        arrays = parameters_of(self.average)
        halves = {name: array.astype(np.float16) for name, array in arrays.items()}
        np.savez(output / "new.npz", **halves)
        (output / "new.npz").replace(output / f"{self.name}.npz")
        parts = {"network": self.network, "average": self.average, "optimizer": self.optimizer}
        state = {name: part.state_dict() for name, part in parts.items()}
        torch.save({**state, "steps": self.steps}, output / "state.pt")

    def resume(self, output: Path) -> None:
        """Go on from a saved state, if there is one."""
        if (output / "state.pt").is_file():
            state = torch.load(output / "state.pt")
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.steps = int(state["steps"])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--init", type=Path, required=True, help="bundle to start from")
    parser.add_argument("--network", choices=LABELS, default=LINES)
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--synthetic", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--learning-rate", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(args.seed)
    training = Training(args.init, args.network, args.learning_rate)
    training.resume(args.output)
    folders = [PageReader(args.real), PageReader(args.synthetic)]
    start = saved = time.monotonic()
    end = start + 60 * args.minutes
    while time.monotonic() < end:
        share = (time.monotonic() - start) / (end - start)
        found = training.step(*batch(folders, rng), share)
        if training.steps % 100 == 0:
            core, area, kind = (loss.item() for loss in found)
            print(f"step {training.steps}: core {core:.4f} area {area:.4f} kind {kind:.4f}")
        if time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS:
            training.save(args.output)
            saved = time.monotonic()
            for pages in folders:
                pages.refresh()
    training.save(args.output)


if __name__ == "__main__":
    main()
