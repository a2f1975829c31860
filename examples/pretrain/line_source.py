"""Endless batches of lines for the recognizer: real ones, changed, and synthetic ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple

import numpy as np
import torch
from cut_lines import HEIGHT, SOURCE_MARGIN, CutLine
from numpy.typing import NDArray
from PIL import Image
from texts import TextSource
from torch import Tensor
from torch.utils.data import IterableDataset

from htrlib.charset import Charset
from htrlib.data.augment import LineAugmentation
from htrlib.data.handwriting import HandwritingFont, draw_line
from htrlib.line_image import MARGIN

Ink = NDArray[np.uint8]
Batch = Tuple[Tensor, Tensor, Tensor, Tensor]
WIDTH_STEP = 128  # few widths: each new shape costs a second to plan
FRAME = 4  # input columns a frame
LARGEST_WIDTH = 2400


@dataclass(frozen=True)
class Mixture:
    """What the lines are drawn from.

    Attributes:
        height: of the network's input.
        real_share: how many of the lines are real.
        longest: words of a synthetic line, at most.
        columns: input columns a batch.
    """

    height: int
    real_share: float
    longest: int
    columns: int


class LineSource(IterableDataset):
    """Batches of ink (N, 1, H, W) uint8, frames (N,), labels (sum,), label lengths (N,).

    A line that CTC cannot align (fewer frames than labels and repeats) is drawn anew.
    """

    def __init__(
        self,
        real: Mapping[str, Sequence[CutLine]],
        weights: Mapping[str, float],
        fonts: Sequence[HandwritingFont],
        texts: TextSource,
        charset: Charset,
        mixture: Mixture,
        seed: int,
    ) -> None:
        self._real, self._fonts, self._texts = real, fonts, texts
        self._charset, self._mixture, self._seed = charset, mixture, seed
        shares = np.array([weights[name] * len(lines) for name, lines in real.items()])
        self._shares = shares / shares.sum() if len(shares) else shares
        self._augment = LineAugmentation()

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
        """One changed line and its labels."""
        while True:
            if rng.random() < self._mixture.real_share:
                ink, text = self._real_line(rng)
            else:
                ink, text = self.synthetic(rng)
            picture = self._augment(ink, self._mixture.height, SOURCE_MARGIN, rng)
            labels = self._charset.encode(text)
            repeats = sum(a == b for a, b in zip(labels, labels[1:]))
            frames = math.ceil(picture.shape[1] / FRAME)
            if frames >= len(labels) + repeats and picture.shape[1] <= LARGEST_WIDTH:
                return picture, labels

    def _real_line(self, rng: np.random.Generator) -> Tuple[Ink, str]:
        lines = list(self._real.values())[int(rng.choice(len(self._shares), p=self._shares))]
        line = lines[int(rng.integers(len(lines)))]
        return (line.masked() if rng.random() < 0.6 else line.ink), line.text

    def synthetic(self, rng: np.random.Generator) -> Tuple[Ink, str]:
        """A line from a font, cut as `cut_lines` cuts real ones."""
        text, font = "", self._fonts[0]
        while not text:
            font = self._fonts[int(rng.integers(len(self._fonts)))]
            text = self._texts.line(rng, self._mixture.longest)
            text = text if font.covers(text) else ""
        line_height = HEIGHT / (1 + 2 * SOURCE_MARGIN)
        drawn = draw_line(text, font, line_height, rng)
        ink = np.zeros((HEIGHT, drawn.ink.shape[1] + int(rng.integers(8, 40))), np.uint8)
        base = SOURCE_MARGIN * line_height
        base += line_height * font.ascent / (font.ascent + font.descent)
        row = round(base) + int(rng.integers(-4, 5))
        left = int(rng.integers(2, 1 + ink.shape[1] - drawn.ink.shape[1]))
        _paste(ink, drawn.ink, left, row - drawn.baseline)
        if rng.random() < 0.3:  # the loops of a neighboring line reach in
            shift = int(rng.integers(52, 80)) * (1 if rng.random() < 0.5 else -1)
            aside = left + int(rng.integers(-60, 60))
            _paste(ink, drawn.ink, aside, row - drawn.baseline + shift)
        if rng.random() < 0.15:  # a ruled line
            rule = row + int(rng.integers(-2, 5))
            shade = np.uint8(rng.integers(40, 200))
            ink[rule : rule + int(rng.integers(1, 3))] |= shade
        return ink, drawn.text


def collate(batch: Sequence[Tuple[Ink, Sequence[int]]], width: int) -> Batch:
    ink = np.zeros((len(batch), 1, batch[0][0].shape[0], width), np.uint8)
    for row, (picture, _) in enumerate(batch):
        ink[row, 0, :, : picture.shape[1]] = picture
    frames = [-(-picture.shape[1] // FRAME) for picture, _ in batch]
    labels = [label for _, line in batch for label in line]
    lengths = [len(line) for _, line in batch]
    arrays: Tuple[Any, ...] = (torch.tensor(frames), torch.tensor(labels), torch.tensor(lengths))
    return (torch.from_numpy(ink), *arrays)


def as_recognized(line: CutLine, height: int) -> Ink:
    """A cut line as recognition sees it: masked, with the margin that it keeps."""
    line_height = HEIGHT / (1 + 2 * SOURCE_MARGIN)
    trim = round((SOURCE_MARGIN - MARGIN) * line_height)
    ink = line.masked()[trim : HEIGHT - trim]
    width = max(8, round(ink.shape[1] * height / ink.shape[0]))
    resized = Image.fromarray(ink).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def _paste(canvas: Ink, ink: Ink, left: int, top: int) -> None:
    height, width = canvas.shape
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(height, top + ink.shape[0]), min(width, left + ink.shape[1])
    if y1 > y0 and x1 > x0:
        target = canvas[y0:y1, x0:x1]
        np.maximum(target, ink[y0 - top : y1 - top, x0 - left : x1 - left], out=target)
