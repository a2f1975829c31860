"""The inverse of `decode_boxes`, for tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from htrlib.engines.word_anchors import STDS


def encode_boxes(boxes: NDArray[np.float32], anchors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(A, 4) offsets of boxes (left, top, right, bottom) from anchors (x, y, width, height)."""
    centers, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    coded = np.concatenate(
        ((centers - anchors[:, :2]) / anchors[:, 2:], np.log(sides / anchors[:, 2:])), axis=1
    )
    return (coded / np.array(STDS)).astype(np.float32)
