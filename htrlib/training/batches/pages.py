"""Batches of squares cut out of pages.

Every batch is a pure function of (seed, epoch, number in the epoch).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, List, Sequence, Tuple

import numpy as np

from htrlib.document.results import TextLine
from htrlib.training.batches.label_maps import label_crop, text_height
from htrlib.training.batches.lines import Arrays
from htrlib.training.batches.picture_file import Pictures

SIDE = 448  # of a crop, in pixels
HEIGHTS = (18.0, 72.0)  # of text lines, in pixels of the crop
LARGEST_SCALE = 3.0
JITTER = 0.4  # of the logarithm of the scale

Lines = Tuple[TextLine, ...]
Counts = Tuple[int, ...]


@dataclass(frozen=True)
class CropPlan:
    """The content of a batch: (page, number) of each crop."""

    epoch: int
    crops: Tuple[Tuple[int, int], ...]

    def share(self, rank: int, workers: int) -> CropPlan:
        """Return the part of the batch for one of several machines."""
        return replace(self, crops=self.crops[rank::workers])


@dataclass(frozen=True)
class CropBatches(ABC):
    """Plans and makes batches.

    Attributes:
        pictures: pages, as :func:`htrlib.training.cache.keep_pages` gives them.
        sources: what messages call them.
        crops: of each picture in an epoch.
        rows: crops of a batch, on all devices.
        seed: of everything random here.
    """

    pictures: Pictures
    sources: Tuple[str, ...]
    crops: Counts
    rows: int
    seed: int

    @property
    @abstractmethod
    def labels(self) -> Tuple[Any, ...]:
        """The targets of each picture."""

    @abstractmethod
    def crop(self, page: int, epoch: int, number: int) -> Arrays:
        """A random square of a page: "ink" (1, S, S) uint8, and what is to be found there."""

    def plan(self, epoch: int) -> List[CropPlan]:
        """The batches of an epoch; the last is filled up with crops from the epoch's start on."""
        pairs = [(page, n) for page, count in enumerate(self.crops) for n in range(count)]
        order = np.random.default_rng((self.seed, epoch)).permutation(len(pairs)).tolist()
        starts = range(0, len(order), self.rows)
        order = np.resize(order, len(starts) * self.rows).tolist()
        return [
            CropPlan(epoch, tuple(pairs[index] for index in order[at : at + self.rows]))
            for at in starts
        ]

    def make(self, plan: CropPlan) -> Arrays:
        """A batch: the crops' arrays, one row each; columns (1,)."""
        return stacked([self.crop(page, plan.epoch, number) for page, number in plan.crops])

    def generator(self, page: int, epoch: int, number: int) -> np.random.Generator:
        """The random numbers of a crop."""
        return np.random.default_rng((self.seed, epoch, page, number))


@dataclass(frozen=True)
class LabelBatches(CropBatches):
    """Crops with their pixels' labels.

    Attributes:
        lines: of each picture, in its pixels.
        whole: crops show a page at the size at which paragraphs are looked for; otherwise they show
            lines at all the heights at which lines are looked for.
        area: pixels that a page is shown at, where `whole`; a page without lines in any case.
        channels: of the labels, from the last: areas of lines, then their cores.
    """

    lines: Tuple[Lines, ...]
    whole: bool
    area: float
    channels: int

    @property
    def labels(self) -> Tuple[Lines, ...]:
        return self.lines

    def crop(self, page: int, epoch: int, number: int) -> Arrays:
        """Beside the ink, "labels" (channels, S / 2, S / 2) uint8."""
        rng = self.generator(page, epoch, number)
        image, lines = self.pictures[page], self.lines[page]
        scale = min(self._scale(image.size, lines, rng), LARGEST_SCALE)
        ink, labels = label_crop(image, lines, scale, SIDE, rng)
        return {"ink": ink[np.newaxis], "labels": labels[-self.channels :]}

    def _scale(self, pixels: int, lines: Sequence[TextLine], rng: np.random.Generator) -> float:
        """Pixels of a crop for each pixel of the page."""
        height = 0.0 if self.whole else text_height(lines) or _box_height(lines)
        if height:
            return scale_of_lines(height, HEIGHTS, rng)
        return math.sqrt(self.area / pixels) * math.exp(rng.uniform(-JITTER, JITTER))


def stacked(crops: Sequence[Arrays]) -> Arrays:
    """A batch of crops."""
    batch = {name: np.stack([crop[name] for crop in crops]) for name in crops[0]}
    batch["columns"] = np.array([batch["ink"].shape[-1] * len(crops)], np.float32)
    return batch


def scale_of_lines(height: float, wanted: Tuple[float, float], rng: np.random.Generator) -> float:
    """A scale at which lines of a height have one of those wanted, low ones as often as high."""
    return math.exp(rng.uniform(*np.log(wanted))) / height


def _box_height(lines: Sequence[TextLine]) -> float:
    """The median height of lines' boxes; 0 without any."""
    return float(np.median([line.box.height for line in lines])) if lines else 0.0


def scaled_line(line: TextLine, scale: float) -> TextLine:
    """A line on a page that is scaled."""
    polygon, baseline = line.polygon, line.baseline
    return replace(
        line,
        box=line.box.scaled(scale, scale),
        polygon=polygon
        and replace(polygon, points=tuple((x * scale, y * scale) for x, y in polygon.points)),
        baseline=baseline and tuple((x * scale, y * scale) for x, y in baseline),
    )
