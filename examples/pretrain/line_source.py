"""Endless batches of lines for the recognizer: augmented real lines, and rendered lines."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import torch
from bleed_through import show_through
from filler_strokes import with_filler
from line_store import SOURCE_MARGIN, CutLine
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

from htrlib.document.charset import Charset
from htrlib.training.batches.augmentation import LineAugmentation

Ink = NDArray[np.uint8]
Batch = Tuple[Tensor, Tensor, Tensor, Tensor]
Drawing = Callable[[np.random.Generator], Tuple[Ink, str]]
WIDTH_STEP = 128  # few widths, because each new shape takes a second to plan
FRAME = 4  # input columns per frame
LARGEST_WIDTH = 2400
HANDWRITTEN = "real", "hand", "letters"  # sources


@dataclass(frozen=True)
class Mixture:
    """The composition of batches.

    Attributes:
        height: height of the network's input.
        shares: fraction of the lines from `real` and from each source of rendered lines.
        columns: input columns per batch.
        collage: fraction of the real lines that are made of words of one page.
        bleed: fraction of the real lines behind which another one shows through.
        filler: fraction of the handwritten lines with a stroke that fills the rest of the line.
        augmentation: the random changes of all lines.
    """

    height: int
    shares: Mapping[str, float]
    columns: int
    collage: float = 0.0
    bleed: float = 0.0
    filler: float = 0.0
    augmentation: LineAugmentation = field(default_factory=LineAugmentation)


class LineSource(IterableDataset):  # type: ignore[type-arg]
    """Batches of ink (N, 1, H, W) uint8, frames (N,), labels (sum,), label lengths (N,).

    A line that CTC cannot align (fewer frames than labels and repeats) is drawn anew.
    """

    def __init__(
        self,
        real: Mapping[str, Sequence[CutLine]],
        weights: Mapping[str, float],
        drawings: Mapping[str, Drawing],
        charset: Charset,
        mixture: Mixture,
        seed: int,
        collages: Optional[Mapping[str, Drawing]] = None,
    ) -> None:
        self._real = list(real.values())
        self._collages = [(collages or {}).get(name) for name in real]
        self._charset, self._mixture, self._seed = charset, mixture, seed
        shares = np.array([weights[name] * len(lines) for name, lines in real.items()])
        self._shares = shares / shares.sum() if len(shares) else shares
        self._augment = mixture.augmentation
        self._draw: Dict[str, Drawing] = {"real": self._real_line, **drawings}
        self._names = list(mixture.shares)
        odds = np.array([mixture.shares[name] for name in self._names])
        self._odds = odds / odds.sum()

    def __iter__(self) -> Iterator[Batch]:
        rng = np.random.default_rng(self._seed)
        waiting: Dict[int, List[Tuple[Ink, Tuple[int, ...]]]] = {}
        while True:
            sample = self.sample(rng)
            width = -(-sample[0].shape[1] // WIDTH_STEP) * WIDTH_STEP
            bucket = waiting.setdefault(width, [])
            bucket.append(sample)
            if len(bucket) == min(48, max(1, self._mixture.columns // width)):
                yield collate(waiting.pop(width), width)

    def sample(self, rng: np.random.Generator) -> Tuple[Ink, Tuple[int, ...]]:
        """Draw an augmented line and its labels."""
        while True:
            name = self._names[int(rng.choice(len(self._names), p=self._odds))]
            ink, text = self._draw[name](rng)
            if name in HANDWRITTEN and rng.random() < self._mixture.filler:
                ink = with_filler(ink, rng)
            picture = self._augment(ink, self._mixture.height, SOURCE_MARGIN, rng)
            if not text or self._charset.unknown(text):
                continue
            labels = self._charset.encode(text)
            repeats = sum(a == b for a, b in zip(labels, labels[1:]))
            frames = math.ceil(picture.shape[1] / FRAME)
            if frames >= len(labels) + repeats and picture.shape[1] <= LARGEST_WIDTH:
                return picture, labels

    def _real_line(self, rng: np.random.Generator) -> Tuple[Ink, str]:
        chosen = int(rng.choice(len(self._shares), p=self._shares))
        lines, collage = self._real[chosen], self._collages[chosen]
        if collage is not None and rng.random() < self._mixture.collage:
            line = CutLine(*collage(rng), page="")
        else:
            line = lines[int(rng.integers(len(lines)))]
        if rng.random() < self._mixture.bleed:
            line = line._replace(ink=show_through(line.ink, lines, rng))
        return (line.masked() if rng.random() < 0.6 else np.ascontiguousarray(line.ink)), line.text


def collate(batch: Sequence[Tuple[Ink, Sequence[int]]], width: int) -> Batch:
    ink = np.zeros((len(batch), 1, batch[0][0].shape[0], width), np.uint8)
    for row, (picture, _) in enumerate(batch):
        ink[row, 0, :, : picture.shape[1]] = picture
    frames = [-(-picture.shape[1] // FRAME) for picture, _ in batch]
    labels = [label for _, line in batch for label in line]
    lengths = [len(line) for _, line in batch]
    arrays: Tuple[Any, ...] = (torch.tensor(frames), torch.tensor(labels), torch.tensor(lengths))
    return (torch.from_numpy(ink), *arrays)
