"""Label the pixels of a page's region, for both paragraphs and lines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Optional, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from htrlib.bundle import Bundle
from htrlib.document.geometry import Box
from htrlib.engines.port import Engine
from htrlib.images.regions import Floats, Region, cut_region, page_ink

SIDE_MULTIPLE = 64  # pixels: inputs are padded to multiples of it, so that few shapes occur
PLACES = 2  # labels of cores and areas of lines; labels of kinds follow
MARKED = 0.5  # probability above which a pixel belongs to a core
LARGEST_SCALE = 2.0  # maximum enlargement of small scans

BundleLike = Union[str, Bundle, None]


@dataclass(frozen=True, eq=False)
class Labels:
    """The output of a labeler for a region.

    Attributes:
        probabilities: (L, h, w) float32, one channel per label, at half the region's resolution.
        ink: (h, w) uint8 at the same resolution, 0 is paper.
        region: the region and its position on the page.
        kind_probabilities: (K, h, w) float32, of each of `KINDS` given that there is text; None if
            the network does not distinguish kinds.
    """

    probabilities: NDArray[np.float32]
    ink: NDArray[np.uint8]
    region: Region
    kind_probabilities: Optional[NDArray[np.float32]] = None

    @property
    def kinds(self) -> NDArray[np.float32]:
        """`kind_probabilities`, or an array without channels."""
        if self.kind_probabilities is not None:
            return self.kind_probabilities
        return np.zeros((0, *self.probabilities.shape[1:]), np.float32)

    @cached_property
    def core_thickness(self) -> float:
        """The typical thickness of cores in label pixels; 0 without cores."""
        mask = self.probabilities[0] > MARKED
        columns = mask.any(axis=0)
        if not columns.any():
            return 0.0
        starts = mask & ~np.pad(mask, ((1, 0), (0, 0)))[:-1]
        return float(np.median(mask.sum(axis=0)[columns] / starts.sum(axis=0)[columns]))

    @property
    def stride(self) -> float:
        """Page pixels per label."""
        return 2.0 / self.region.scale

    def to_page(self, x: Floats, y: Floats) -> Tuple[Floats, Floats]:
        """Convert label coordinates to page coordinates."""
        return self.region.to_page(2.0 * x, 2.0 * y)


def scale_for(box: Box, area: float) -> float:
    """Return the scale at which a box has the given number of pixels, at most `LARGEST_SCALE`.

    The shorter side counts as at least `SIDE_MULTIPLE` pixels, to which it is padded. Otherwise a
    very thin picture would be enlarged a thousand times.
    """
    thread = area / (SIDE_MULTIPLE * max(box.width, box.height))
    return min(math.sqrt(area / box.area), thread, LARGEST_SCALE)


def network_input(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pad (H, W) ink with paper on the right and below, to multiples of `SIDE_MULTIPLE`."""
    height, width = ink.shape
    return np.pad(ink, ((0, -height % SIDE_MULTIPLE), (0, -width % SIDE_MULTIPLE)))


def label_region(
    page: NDArray[np.uint8],
    box: Box,
    scale: float,
    engine: Engine,
    network: str,
) -> Labels:
    """Label the part of a page inside a box, at the given scale.

    Args:
        page: (H, W) uint8, 0 is black.
        network: name of the labeler in the bundle.
    """
    region = cut_region(page, box, scale)
    ink = page_ink(region.gray)
    height, width = ink.shape
    logits = engine.label_pixels(network, network_input(ink))
    rows, columns = -(-height // 2), -(-width // 2)
    logits = logits[:, :rows, :columns]
    with np.errstate(over="ignore"):  # overflows to infinity, whose inverse is 0
        probabilities = 1.0 / (1.0 + np.exp(-logits[:PLACES]))
    kinds = _shares(logits[PLACES:]) if len(logits) > PLACES else None
    even = np.pad(ink, ((0, height % 2), (0, width % 2)))
    rows_of_two = np.maximum(even[::2], even[1::2])
    halved = np.maximum(rows_of_two[:, ::2], rows_of_two[:, 1::2])
    return Labels(probabilities, halved, region, kinds)


def _shares(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the softmax over channels."""
    powers = np.exp(logits - logits.max(axis=0))
    shares: NDArray[np.float32] = powers / powers.sum(axis=0)
    return shares
