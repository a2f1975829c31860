"""Anchors of the word detector, and decoding of its offsets to boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

STRIDES = (8, 16, 32)
STDS = (0.1, 0.1, 0.2, 0.2)  # scales of the encoded x, y, log width, log height
CLASSES = 2  # background and word

Boxes = NDArray[np.float32]


@dataclass(frozen=True)
class SsdConfig:
    """Architecture of the word detector; anchors are as in GluonCV's `SSDAnchorGenerator`.

    Attributes:
        channels: channels of the features at 1/2, 1/4, 1/8, 1/16 and 1/32 of the input's sides.
        sizes: for each of `STRIDES`, the side of the anchors in input pixels, and a second side;
            the geometric mean of both is the side of another square anchor.
        ratios: for each of `STRIDES`, width over height of the anchors; the first applies to the
            squares.
    """

    channels: Tuple[int, ...] = (16, 32, 64, 96, 128)
    sizes: Tuple[Tuple[float, float], ...] = ((20.0, 32.0), (36.0, 56.0), (72.0, 110.0))
    ratios: Tuple[Tuple[float, ...], ...] = (
        (1.0, 2.0, 4.0),
        (1.0, 2.0, 3.0, 5.0),
        (1.0, 2.0, 3.0, 5.0, 8.0),
    )

    def __post_init__(self) -> None:
        lengths = len(self.channels) - 2, len(self.sizes), len(self.ratios)
        if set(lengths) != {len(STRIDES)}:
            raise ValueError(
                f"expected channels, sizes and ratios for the strides {STRIDES}, found {lengths}"
            )

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> SsdConfig:
        """The shape as a bundle's configuration gives it."""
        return cls(
            channels=tuple(int(c) for c in config["channels"]),
            sizes=tuple((float(s), float(t)) for s, t in config["sizes"]),
            ratios=tuple(tuple(float(r) for r in ratios) for ratios in config["ratios"]),
        )

    @property
    def multiple(self) -> int:
        """Divisor of both sides of the input."""
        return STRIDES[-1]

    @property
    def anchors_per_cell(self) -> Tuple[int, ...]:
        """Number of anchors per cell, for each of `STRIDES`."""
        return tuple(1 + len(ratios) for ratios in self.ratios)


def anchor_boxes(config: SsdConfig, height: int, width: int) -> Boxes:
    """Return the anchors of an input, in the order of the network's outputs.

    Args:
        height: height of the input; it and the width are multiples of `config.multiple`.
    Returns:
        (A, 4) float32, columns center x, center y, width, height, in input pixels.
    """
    return np.concatenate(
        [
            _map_anchors(height // stride, width // stride, stride, sizes, ratios)
            for stride, sizes, ratios in zip(STRIDES, config.sizes, config.ratios)
        ]
    )


def _map_anchors(
    rows: int, columns: int, stride: int, sizes: Sequence[float], ratios: Sequence[float]
) -> Boxes:
    side, mean = sizes[0], np.sqrt(sizes[0] * sizes[1])
    shapes = np.array(
        [(side, side), (mean, mean)]
        + [(side * np.sqrt(ratio), side / np.sqrt(ratio)) for ratio in ratios[1:]]
    )
    anchors = np.empty((rows, columns, len(shapes), 4), dtype=np.float32)
    anchors[..., 0] = (np.arange(columns) + 0.5)[:, np.newaxis] * stride
    anchors[..., 1] = (np.arange(rows) + 0.5)[:, np.newaxis, np.newaxis] * stride
    anchors[..., 2:] = shapes
    return anchors.reshape(-1, 4)


def word_probabilities(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (N,) probabilities of a word, given (N, 2) logits of paper and word."""
    probabilities: NDArray[np.float32] = np.exp(-np.logaddexp(0.0, logits[:, 0] - logits[:, 1]))
    return probabilities


def decode_boxes(offsets: Boxes, anchors: Boxes) -> Boxes:
    """Decode offsets from anchors to boxes, like GluonCV's `NormalizedBoxCenterDecoder`.

    Args:
        offsets: (A, 4) distances of the centers in anchor sides and log ratios of the sides, each
            divided by its `STDS`.
        anchors: (A, 4) from `anchor_boxes`.
    Returns:
        (A, 4) float32, columns left, top, right, bottom.
    """
    coded = offsets * np.array(STDS, dtype=np.float32)
    centers = anchors[:, :2] + coded[:, :2] * anchors[:, 2:]
    # 4: no word is 50 times the size of its anchor, and larger values would overflow exp
    halves = 0.5 * anchors[:, 2:] * np.exp(np.minimum(coded[:, 2:], 4.0))
    boxes: Boxes = np.concatenate((centers - halves, centers + halves), axis=1)
    return boxes
