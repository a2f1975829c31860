"""Train the word detector on crops of pages, with anchors matched to words."""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.data.samples import PageSample
from htrlib.document.geometry import Box
from htrlib.engines.mxnet.framework import gluon, mx
from htrlib.engines.mxnet.runner import lock, run_all
from htrlib.engines.mxnet.ssd import WordDetector
from htrlib.engines.port import WORDS
from htrlib.engines.word_anchors import SsdConfig, anchor_boxes, decode_boxes, word_probabilities
from htrlib.layout.word_lines import CONFIDENT, suppress
from htrlib.metrics import DetectionF1
from htrlib.training.batches.label_maps import text_height
from htrlib.training.batches.lines import Arrays
from htrlib.training.batches.pages import (
    LARGEST_SCALE,
    Counts,
    CropBatches,
    scale_of_lines,
    stacked,
)
from htrlib.training.batches.picture_file import Pictures
from htrlib.training.batches.word_targets import (
    WordTargets,
    import_gluoncv,
    loss_weight,
    multi_box_loss,
    word_crop,
)
from htrlib.training.tasks.page_task import PageTask
from htrlib.training.tasks.task import Parameters

SIDE = 384  # side of a crop, in pixels
HEIGHTS = (18.0, 64.0)  # heights of text lines, in crop pixels
UNWRITTEN = (0.02, 0.06)  # assumed line heights of a page without lines, in page heights

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class WordBatches(CropBatches):
    """Crops with their words.

    Attributes:
        words: (M, 4) boxes of each picture's words, in its pixels.
        heights: median line height of each picture, in its pixels; 0 without lines.
        config: the network's configuration.
    """

    words: Tuple[Tuple[Box, ...], ...]
    heights: Tuple[float, ...]
    config: SsdConfig

    @property
    def labels(self) -> Tuple[Tuple[Box, ...], ...]:
        return self.words

    def crop(self, page: int, epoch: int, number: int) -> Arrays:
        """Return "ink", and the anchors' "classes" (A,) and "offsets" (A, 4), float32."""
        return self.arrays(*self.shown(page, epoch, number))

    def shown(self, page: int, epoch: int, number: int) -> Tuple[NDArray[np.uint8], Floats]:
        """Return (S, S) ink of a random square, and (M, 4) boxes of its words."""
        rng = self.generator(page, epoch, number)
        image = self.pictures[page]
        height = self.heights[page] or rng.uniform(*UNWRITTEN) * len(image)
        scale = min(scale_of_lines(height, HEIGHTS, rng), LARGEST_SCALE)
        return word_crop(image, self.words[page], scale, SIDE, rng)

    def arrays(self, ink: NDArray[np.uint8], words: Floats) -> Arrays:
        """Turn a crop into the arrays that the network trains on."""
        classes, offsets = _targets(self.config, SIDE)(words)
        return {"ink": ink[np.newaxis], "classes": classes, "offsets": offsets}


class WordDetectionTask(PageTask):
    """Trains "line-segmentation-ssd"."""

    name = WORDS
    wanted = "boxes of all its words"

    validation: Optional[WordBatches] = None

    @classmethod
    def lacks(cls, page: PageSample) -> str:
        boxed = all(len(line.words) >= max(1, len(line.text.split())) for line in page.lines)
        return "" if boxed else "lines without boxes of their words"

    def batches(
        self, pages: Sequence[PageSample], pictures: Pictures, crops: Counts, rows: int, seed: int
    ) -> WordBatches:
        import_gluoncv()  # fails early, not only in a worker process
        words: List[Tuple[Box, ...]] = []
        heights: List[float] = []
        for index, scale in pictures.notes:
            page = pages[index]
            words.append(tuple(word.box.scaled(scale, scale) for word in page.words))
            height = text_height([line.line for line in page.lines if line.line])
            heights.append(scale * (height or _median_height(page)))
        sources = tuple(pages[index].source for index, _ in pictures.notes)
        config = SsdConfig.from_dict(self.numbers())
        return WordBatches(
            pictures, sources, crops, rows, seed, tuple(words), tuple(heights), config
        )

    def usual(self) -> Dict[str, Any]:
        return asdict(SsdConfig())

    def build(self) -> Any:
        return WordDetector(SsdConfig.from_dict(self.numbers()))

    def loss(self, network: Any) -> Any:
        return _WordLoss(network)

    def score(self, parameters: Parameters, device: Optional[str]) -> Dict[str, float]:
        if self.validation is None:
            return {}
        reader, loss_of = self.reader(parameters, device), _BatchLoss()
        losses: List[float] = []
        score = DetectionF1()
        for plan in self.validation.plan(0):
            crops = [self.validation.shown(page, plan.epoch, n) for page, n in plan.crops]
            batch = stacked([self.validation.arrays(*crop) for crop in crops])
            logits, offsets = run_all(reader, batch["ink"] / np.float32(255.0))
            with lock:
                arrays = (logits, offsets, batch["classes"], batch["offsets"])
                losses += loss_of(*map(mx.nd.array, arrays)).asnumpy().tolist()
            for (_, words), row, moves in zip(crops, logits, offsets):
                score.add(_boxes(words), _boxes(self._found(row, moves)))
        return {"loss": float(np.mean(losses)), "f1": score.f1}

    def _found(self, logits: Floats, offsets: Floats) -> Floats:
        """Return (M, 4) boxes of the words that a network finds on a crop."""
        scores = word_probabilities(logits)
        likely = np.flatnonzero(scores >= CONFIDENT)
        anchors = anchor_boxes(SsdConfig.from_dict(self.numbers()), SIDE, SIDE)
        boxes = decode_boxes(offsets[likely], anchors[likely])
        kept: Floats = boxes[suppress(boxes, scores[likely])]
        return kept


class _BatchLoss(gluon.Block):
    """Maps outputs and targets to (N,) losses, whose mean is the batch's loss."""

    def __init__(self) -> None:
        super().__init__()
        self._multi_box = multi_box_loss()

    def forward(self, logits: Any, moves: Any, classes: Any, offsets: Any) -> Any:
        total, _, _ = self._multi_box(logits, moves, classes, offsets)
        return total[0] * (len(classes) * loss_weight(classes.asnumpy()))


class _WordLoss(gluon.Block):
    """Maps ink, classes and offsets to (N,) losses."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.loss = _BatchLoss()

    def forward(self, ink: Any, classes: Any, offsets: Any) -> Any:
        logits, moves = self.network(ink.astype("float32") / 255)
        return self.loss(logits, moves, classes, offsets)


@functools.lru_cache(maxsize=1)
def _targets(config: SsdConfig, side: int) -> WordTargets:
    """Return the target generator, created once per process because it cannot be pickled."""
    return WordTargets(config, side)


def _median_height(page: PageSample) -> float:
    """Median height of the word boxes; 0 if there are none."""
    return float(np.median([word.box.height for word in page.words])) if page.words else 0.0


def _boxes(rows: Floats) -> List[Box]:
    return [Box(*row) for row in rows.tolist()]
