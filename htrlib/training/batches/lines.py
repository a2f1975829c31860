"""Batches of lines for the recognizer: their selection, widths and augmentation.

Every batch is a pure function of (seed, epoch, number within the epoch). A resumed run therefore
sees the same batches as an uninterrupted one, whichever process makes them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from htrlib.images.line_strips import MARGIN
from htrlib.training.batches.augmentation import LineAugmentation
from htrlib.training.batches.picture_file import Pictures
from htrlib.training.cache import masked

Arrays = Dict[str, NDArray[Any]]
Labels = Tuple[int, ...]

ATTEMPTS = 4  # to augment a line so that it keeps enough frames for its text
BUCKETS = 12  # distinct widths: each takes memory, and seconds to plan
WIDTH_STEP = 64  # pixels; widths are multiples of it
MASKED_SHARE = 0.6  # fraction of augmented lines shown without the ink outside their polygon
MOST_ROWS = 64  # lines of a batch


@dataclass(frozen=True)
class BatchPlan:
    """The content of a batch.

    Attributes:
        epoch: epoch of the batch.
        width: width of its pictures in pixels.
        rows: for each row, the index of the line and the number of the augmentation attempt; -1
            leaves the line unchanged.
    """

    epoch: int
    width: int
    rows: Tuple[Tuple[int, int], ...]

    def share(self, rank: int, workers: int) -> BatchPlan:
        """Return one machine's part of the batch."""
        return replace(self, rows=self.rows[rank::workers])


@dataclass(frozen=True)
class LineBatches:
    """Plans and makes batches.

    Attributes:
        pictures: the lines, from :func:`htrlib.training.cache.cut_lines`.
        labels: class indices of each picture's text.
        margin: height of the pictures' upper and lower margin, in line heights.
        height: height of the network's input in pixels.
        frame_width: input columns per frame of the network.
        max_width: maximum width of the network's input in pixels.
        columns: input columns per batch and device.
        augmentation: random changes to the lines, or None.
        seed: random seed.
        devices: number of devices that share a batch.
    """

    pictures: Pictures
    labels: Tuple[Labels, ...]
    margin: float
    height: int
    frame_width: int
    max_width: int
    columns: int
    augmentation: Optional[LineAugmentation]
    seed: int
    devices: int = 1

    def plan(self, epoch: int, lines: Sequence[int], widths: Sequence[int]) -> List[BatchPlan]:
        """Plan the batches of an epoch.

        Each line is used once. Lines that do not fill a batch move to the next width, and the
        widest batch is filled up with lines from the start of the epoch.

        Args:
            lines: indices of the lines to use.
            widths: widths of batches, ascending; the last one fits the widest line.
        """
        rng = np.random.default_rng((self.seed, epoch))
        drawn = [(line, *self._draw(epoch, line, widths[-1])) for line in rng.permutation(lines)]
        plans: List[BatchPlan] = []
        rest: List[Tuple[int, int]] = []
        floor = 0
        for width in widths:
            rows = rest + [(int(n), attempt) for n, attempt, w in drawn if floor < w <= width]
            floor, size = width, self.rows_of(width)
            whole = len(rows) - len(rows) % size
            plans += [
                BatchPlan(epoch, width, tuple(rows[at : at + size])) for at in range(0, whole, size)
            ]
            rest = rows[whole:]
        if rest:
            missing = min(self.rows_of(widths[-1]), len(drawn)) - len(rest)
            rest += [(int(n), attempt) for n, attempt, _ in drawn[:missing]]
            plans.append(BatchPlan(epoch, widths[-1], tuple(rest)))
        return [plans[number] for number in rng.permutation(len(plans))]

    def rows_of(self, width: int) -> int:
        """Return the number of lines in a batch of the given width."""
        return self.devices * min(MOST_ROWS, max(1, self.columns // width))

    def widths(self, lines: Sequence[int]) -> Tuple[int, ...]:
        """Choose the few batch widths that pad these lines the least."""
        drawn = [self._draw(0, line, self.max_width)[1] for line in lines]
        steps = np.bincount([-(-width // WIDTH_STEP) for width in drawn])
        if self.augmentation is not None:  # augmentation in other epochs may give wider lines
            longest = max(self.plain_width(line) for line in lines)
            longest = min(self.max_width, int(1.25 * longest))
            steps = np.append(steps, [0] * max(0, -(-longest // WIDTH_STEP) + 1 - len(steps)))
        return tuple(WIDTH_STEP * step for step in fewest_padding(steps.tolist(), BUCKETS))

    def make(self, plan: BatchPlan) -> Arrays:
        """Make a batch.

        Returns:
            ink (N, 1, H, W) uint8; frames (N,), labels (N, W / frame width) padded with -1, and
            lengths (N,) float32, as MXNet's CTC loss takes them; columns (1,), the number of input
            columns without padding.
        """
        most = -(-plan.width // self.frame_width)
        count = len(plan.rows)
        ink = np.zeros((count, 1, self.height, plan.width), np.uint8)
        labels = np.full((count, most), -1, np.float32)
        widths = np.empty(count, np.int64)
        for row, (line, attempt) in enumerate(plan.rows):
            picture = self.picture(line, plan.epoch, attempt)
            widths[row] = picture.shape[1]
            ink[row, 0, :, : widths[row]] = picture
            labels[row, : len(self.labels[line])] = self.labels[line]
        return {
            "ink": ink,
            "frames": (-(-widths // self.frame_width)).astype(np.float32),
            "labels": labels,
            "lengths": np.array([len(self.labels[line]) for line, _ in plan.rows], np.float32),
            "columns": np.array([widths.sum()], np.float32),
        }

    def picture(self, line: int, epoch: int, attempt: int) -> NDArray[np.uint8]:
        """Return (H, W) uint8 ink of a line: augmented, or unchanged if the attempt is -1."""
        ink = self.pictures[line]
        if attempt < 0 or self.augmentation is None:
            return as_recognized(ink, self.margin, self.height)
        rng = self._generator(epoch, line, attempt)
        changed = masked(ink) if _coin(rng) < MASKED_SHARE else ink
        return self.augmentation(changed, self.height, self.margin, rng)

    def plain_width(self, line: int) -> int:
        """Return the width of a line without augmentation."""
        return recognized_width(self.pictures.shapes[line], self.margin, self.height)

    def frames_needed(self, line: int) -> int:
        """Return the minimum number of frames that CTC needs for a line's labels."""
        labels = self.labels[line]
        return len(labels) + sum(a == b for a, b in zip(labels, labels[1:]))

    def fits(self, line: int, width: int) -> bool:
        """Return whether a line of the given width can be trained on."""
        return math.ceil(width / self.frame_width) >= self.frames_needed(line)

    def _draw(self, epoch: int, line: int, widest: int) -> Tuple[int, int]:
        """Return the number of the first valid augmentation attempt, and the resulting width."""
        if self.augmentation is not None:
            shape = self.pictures.shapes[line]
            for attempt in range(ATTEMPTS):
                rng = self._generator(epoch, line, attempt)
                _coin(rng)
                width = self.augmentation.width(shape, self.height, self.margin, rng)
                if width <= widest and self.fits(line, width):
                    return attempt, width
        return -1, self.plain_width(line)

    def _generator(self, epoch: int, line: int, attempt: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, epoch, int(line), attempt))


def as_recognized(ink: NDArray[np.uint8], margin: float, height: int) -> NDArray[np.uint8]:
    """Return a cut line as recognition sees it: masked, with the margin of recognition."""
    rows = _trim(len(ink), margin)
    size = (recognized_width(ink.shape, margin, height), height)
    cut = Image.fromarray(masked(ink[rows : len(ink) - rows]))
    return np.asarray(cut.resize(size, Image.Resampling.BILINEAR))


def recognized_width(shape: Tuple[int, ...], margin: float, height: int) -> int:
    """Return the width that a cut line of the given shape has in recognition."""
    return max(8, round(shape[1] * height / (shape[0] - 2 * _trim(shape[0], margin))))


def _trim(rows: int, margin: float) -> int:
    """Return the number of rows above, and below, that recognition does not see."""
    return round((margin - MARGIN) * rows / (1 + 2 * margin))


def _coin(rng: np.random.Generator) -> float:
    return float(rng.random())


def fewest_padding(counts: Sequence[int], most: int) -> Tuple[int, ...]:
    """Choose at most `most` widths such that padding lines up to them adds the fewest columns.

    Args:
        counts: number of lines of each width, in steps: `counts[3]` lines are three steps wide.
        most: maximum number of widths; the largest width is always chosen.

    >>> fewest_padding([0, 5, 0, 5, 1], 2)
    (1, 4)
    >>> fewest_padding([0, 5, 0, 50, 1], 2)
    (3, 4)
    """
    last = len(counts) - 1
    above = np.cumsum(counts)
    # best[step]: (least total width of all lines up to that step, the widths chosen for it)
    best: List[Tuple[float, Tuple[int, ...]]] = [
        (float(step * above[step]), (step,)) for step in range(last + 1)
    ]
    for _ in range(most - 1):
        best = [
            min(
                [best[step]]
                + [
                    (best[low][0] + float(step * (above[step] - above[low])), (*best[low][1], step))
                    for low in range(1, step)
                ]
            )
            for step in range(last + 1)
        ]
    return best[last][1]
