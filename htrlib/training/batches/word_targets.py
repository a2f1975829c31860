"""Crops, targets and loss for training the word detector, built from GluonCV's parts."""

from __future__ import annotations

import sys
import warnings
from typing import Any, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.document.geometry import Box
from htrlib.engines.mxnet.framework import mx
from htrlib.engines.word_anchors import STDS, STRIDES, SsdConfig
from htrlib.errors import TrainingError
from htrlib.images.regions import cut_region, page_ink

MATCH = 0.5  # minimum intersection over union for an anchor to match a word
NEAR = 0.1  # anchors with a smaller intersection over union are background
NEGATIVES = 3  # background anchors in the loss per matched anchor
LEAST_NEGATIVES = 64  # so that crops without words count too
VISIBLE = 0.4  # minimum share of a word's area inside the crop for it to be a target

Floats = NDArray[np.float32]


def import_gluoncv() -> Tuple[Any, Any, Any]:
    """Import GluonCV's SSDAnchorGenerator, SSDTargetGenerator and SSDMultiBoxLoss.

    Raises:
        TrainingError: GluonCV is not installed, or lacks one of them.
    """
    absent = object()
    torch = sys.modules.get("torch", absent)
    # GluonCV refuses to load next to PyTorch 2, which its MXNet half does not use.
    sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from gluoncv.loss import SSDMultiBoxLoss
            from gluoncv.model_zoo.ssd.anchor import SSDAnchorGenerator
            from gluoncv.model_zoo.ssd.target import SSDTargetGenerator
    except ImportError as error:
        raise TrainingError(
            f"the word detector is trained with GluonCV, which cannot be imported ({error}); "
            "install htrlib[train]"
        ) from error
    finally:
        if torch is absent:
            del sys.modules["torch"]
        else:
            sys.modules["torch"] = torch  # type: ignore[assignment]
    return SSDAnchorGenerator, SSDTargetGenerator, SSDMultiBoxLoss


def anchors_of(config: SsdConfig, side: int) -> Any:
    """Return the anchors of a square input: NDArray (1, A, 4) of centers and sides."""
    anchor_generator, _, _ = import_gluoncv()
    parts = []
    for index, (stride, sizes, ratios) in enumerate(zip(STRIDES, config.sizes, config.ratios)):
        cells = side // stride
        generator = anchor_generator(index, (side, side), sizes, ratios, stride, (cells, cells))
        generator.initialize()
        parts.append(generator(mx.nd.zeros((1, 1, cells, cells))))
    return mx.nd.concat(*parts, dim=1)


class WordTargets:
    """Matches the anchors of a square input with words."""

    def __init__(self, config: SsdConfig, side: int) -> None:
        _, target_generator, _ = import_gluoncv()
        self._anchors = anchors_of(config, side)
        centers, sides = np.split(self._anchors.asnumpy()[0], 2, axis=1)
        self._corners = np.concatenate((centers - sides / 2, centers + sides / 2), axis=1)
        self._generator = target_generator(iou_thresh=MATCH, negative_mining_ratio=-1, stds=STDS)

    def __call__(self, words: Floats) -> Tuple[Floats, Floats]:
        """Return the targets of one input.

        Args:
            words: (M, 4) left, top, right, bottom in input pixels.
        Returns:
            (A,) classes, 0 for background and 1 for a word; (A, 4) offsets, 0 for background.
        """
        classes = np.zeros(len(self._corners), np.float32)
        offsets = np.zeros((len(classes), 4), np.float32)
        # The generator sorts all pairs of anchors and words, most of which are far apart.
        near = np.flatnonzero(_best_overlap(self._corners, words) > NEAR)
        if len(near) == 0:
            return classes, offsets
        near_classes, near_offsets, _ = self._generator(
            mx.nd.take(self._anchors, mx.nd.array(near), axis=1),
            None,
            mx.nd.array(words[np.newaxis]),
            mx.nd.zeros((1, len(words))),
        )
        classes[near] = near_classes[0].asnumpy()
        offsets[near] = near_offsets[0].asnumpy()
        return classes, offsets


def _best_overlap(boxes: Floats, others: Floats) -> Floats:
    """Return (A,) each box's largest intersection over union with another one, or 0."""
    best = np.zeros(len(boxes), np.float32)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    for other in others:
        shared = np.minimum(boxes[:, 2:], other[2:]) - np.maximum(boxes[:, :2], other[:2])
        area = np.maximum(shared, 0).prod(axis=1)
        union = areas + (other[2:] - other[:2]).prod() - area
        np.maximum(best, area / union, out=best)
    return best


def multi_box_loss() -> Any:
    """Return GluonCV's loss: (logits, offsets, classes, offset targets) -> (sum, class, box)."""
    _, _, loss = import_gluoncv()
    return loss(negative_mining_ratio=NEGATIVES, min_hard_negatives=LEAST_NEGATIVES)


def loss_weight(classes: Floats) -> float:
    """Return the factor that turns `multi_box_loss` of a batch with few or no words into a mean.

    GluonCV divides a sum by the number of matched anchors, but the sum always contains a minimum
    number of background anchors. A batch with few words would have a loss a hundred times as large;
    Adam, which divides by the gradients of the last thousand steps, would then hardly move.

    Args:
        classes: (N, A) targets of the batch.
    Returns:
        A factor of at most 1.
    """
    positives = max(1.0, float((classes > 0).sum()))
    return min(1.0, positives * NEGATIVES / (len(classes) * LEAST_NEGATIVES))


def word_crop(
    page: NDArray[np.uint8],
    words: Sequence[Box],
    scale: float,
    side: int,
    rng: np.random.Generator,
) -> Tuple[NDArray[np.uint8], Floats]:
    """Cut a random square out of a page, with the boxes of its words.

    Args:
        page: (H, W) uint8, 0 is black.
        words: all handwritten words of the page.
        scale: crop pixels per page pixel.
        side: side length of the crop in pixels.
    Returns:
        (side, side) uint8 ink, 0 is paper; (M, 4) float32 left, top, right, bottom.
    """
    reach = side / scale
    left, top = (_start(axis, page, words, reach, rng) for axis in (1, 0))
    region = cut_region(page, Box(left, top, left + reach, top + reach), scale)
    part = page_ink(region.gray)[:side, :side]
    shaded = part * np.exp(rng.uniform(-0.5, 0.3))
    if rng.random() < 0.5:
        shaded += rng.uniform(0, 20) * rng.standard_normal(shaded.shape)
    ink = np.zeros((side, side), np.uint8)
    x, y = (int(rng.integers(0, side - n + 1)) for n in reversed(part.shape))
    ink[y : y + part.shape[0], x : x + part.shape[1]] = np.clip(shaded, 0, 255)
    if not words:
        return ink, np.empty((0, 4), np.float32)
    origin = np.array([region.left, region.top] * 2)
    whole = (np.array([word.as_tuple() for word in words]) - origin) * scale
    limits = np.array([part.shape[1], part.shape[0]] * 2)
    clipped = np.clip(whole, 0, limits)
    sides, full = clipped[:, 2:] - clipped[:, :2], whole[:, 2:] - whole[:, :2]
    kept = (sides.prod(axis=1) >= VISIBLE * full.prod(axis=1)) & (sides.min(axis=1) >= 3)
    return ink, (clipped[kept] + np.array([x, y] * 2)).astype(np.float32)


def _start(
    axis: int, page: NDArray[np.uint8], words: Sequence[Box], reach: float, rng: np.random.Generator
) -> float:
    """Choose where a crop starts on one axis: near a word in two of three crops."""
    extent = page.shape[axis]
    if words and rng.random() < 0.82:  # on both axes: 0.67
        start = words[int(rng.integers(len(words)))].center[1 - axis]
        start -= rng.uniform(0.1, 0.9) * reach
    else:
        start = rng.uniform(min(0.0, extent - reach), max(1.0, extent - reach))
    return float(np.clip(start, -0.2 * reach, max(1.0, extent - 0.6 * reach)))
