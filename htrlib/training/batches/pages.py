"""Batches of square crops of pages.

Every batch is a pure function of (seed, epoch, number within the epoch).
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

SIDE = 448  # side of a crop, in pixels
HEIGHTS = (18.0, 72.0)  # heights of text lines, in crop pixels
LARGEST_SCALE = 3.0
JITTER = 0.4  # standard deviation of the scale's logarithm

Lines = Tuple[TextLine, ...]
Counts = Tuple[int, ...]


@dataclass(frozen=True)
class CropPlan:
    """The content of a batch: (page, number) of each crop."""

    epoch: int
    crops: Tuple[Tuple[int, int], ...]

    def share(self, rank: int, workers: int) -> CropPlan:
        """Return one machine's part of the batch."""
        return replace(self, crops=self.crops[rank::workers])


@dataclass(frozen=True)
class CropBatches(ABC):
    """Plans and makes batches.

    Attributes:
        pictures: pages, from :func:`htrlib.training.cache.keep_pages`.
        sources: names of the pages in messages.
        crops: crops per page and epoch.
        rows: crops per batch, over all devices.
        seed: random seed.
    """

    pictures: Pictures
    sources: Tuple[str, ...]
    crops: Counts
    rows: int
    seed: int

    @property
    @abstractmethod
    def labels(self) -> Tuple[Any, ...]:
        """Training targets of each picture."""

    @abstractmethod
    def crop(self, page: int, epoch: int, number: int) -> Arrays:
        """Cut a random square out of a page: "ink" (1, S, S) uint8, and its training targets."""

    def plan(self, epoch: int) -> List[CropPlan]:
        """Plan an epoch's batches; the last is filled up with crops from the epoch's start."""
        pairs = [(page, n) for page, count in enumerate(self.crops) for n in range(count)]
        order = np.random.default_rng((self.seed, epoch)).permutation(len(pairs)).tolist()
        starts = range(0, len(order), self.rows)
        order = np.resize(order, len(starts) * self.rows).tolist()
        return [
            CropPlan(epoch, tuple(pairs[index] for index in order[at : at + self.rows]))
            for at in starts
        ]

    def make(self, plan: CropPlan) -> Arrays:
        """Make a batch: the arrays of its crops, stacked; columns (1,)."""
        return stacked([self.crop(page, plan.epoch, number) for page, number in plan.crops])

    def generator(self, page: int, epoch: int, number: int) -> np.random.Generator:
        """Return the random generator of a crop."""
        return np.random.default_rng((self.seed, epoch, page, number))


@dataclass(frozen=True)
class LabelBatches(CropBatches):
    """Crops with labels for their pixels.

    Attributes:
        lines: lines of each picture, in its pixels.
        whole: scale crops as paragraph detection scales pages; otherwise over the range of line
            heights that line segmentation sees.
        area: size in pixels to which a page is scaled if `whole`, or if it has no lines.
        channels: number of label channels, counted from the last: areas of lines, then cores.
    """

    lines: Tuple[Lines, ...]
    whole: bool
    area: float
    channels: int

    @property
    def labels(self) -> Tuple[Lines, ...]:
        return self.lines

    def crop(self, page: int, epoch: int, number: int) -> Arrays:
        """Return "ink" and "labels" (channels, S / 2, S / 2) uint8."""
        rng = self.generator(page, epoch, number)
        image, lines = self.pictures[page], self.lines[page]
        scale = min(self._scale(image.size, lines, rng), LARGEST_SCALE)
        ink, labels = label_crop(image, lines, scale, SIDE, rng)
        return {"ink": ink[np.newaxis], "labels": labels[-self.channels :]}

    def _scale(self, pixels: int, lines: Sequence[TextLine], rng: np.random.Generator) -> float:
        """Draw the crop pixels per page pixel."""
        height = 0.0 if self.whole else text_height(lines) or _box_height(lines)
        if height:
            return scale_of_lines(height, HEIGHTS, rng)
        return math.sqrt(self.area / pixels) * math.exp(rng.uniform(-JITTER, JITTER))


def stacked(crops: Sequence[Arrays]) -> Arrays:
    """Stack crops into a batch."""
    batch = {name: np.stack([crop[name] for crop in crops]) for name in crops[0]}
    batch["columns"] = np.array([batch["ink"].shape[-1] * len(crops)], np.float32)
    return batch


def scale_of_lines(height: float, wanted: Tuple[float, float], rng: np.random.Generator) -> float:
    """Draw a scale that brings lines of this height into range, log-uniformly."""
    return math.exp(rng.uniform(*np.log(wanted))) / height


def _box_height(lines: Sequence[TextLine]) -> float:
    """Return the median height of the lines' boxes, or 0."""
    return float(np.median([line.box.height for line in lines])) if lines else 0.0


def scaled_line(line: TextLine, scale: float) -> TextLine:
    """Return a line as it is on a scaled page."""
    polygon, baseline = line.polygon, line.baseline
    return replace(
        line,
        box=line.box.scaled(scale, scale),
        polygon=polygon
        and replace(polygon, points=tuple((x * scale, y * scale) for x, y in polygon.points)),
        baseline=baseline and tuple((x * scale, y * scale) for x, y in baseline),
    )
