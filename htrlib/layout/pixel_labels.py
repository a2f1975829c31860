"""Ask a page labeler about a region of a page; paragraphs and lines both do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Optional, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from htrlib.bundle import Bundle
from htrlib.document.geometry import Box
from htrlib.engines.port import Engine
from htrlib.images.regions import Floats, Region, cut_region, page_ink

SIDE_MULTIPLE = 64  # pixels: sides are padded to it, so that few shapes of input occur
PLACES = 2  # labels that say where lines are, cores and areas; those of kinds follow
LARGEST_SCALE = 2.0  # small scans are enlarged no further

BundleLike = Union[str, Bundle, None]


@dataclass(frozen=True, eq=False)
class Labels:
    """The output of a labeler for a region.

    Attributes:
        probabilities: (L, h, w) float32, one channel a label, at half the region's resolution.
        ink: (h, w) uint8 at the same resolution, 0 is paper.
        region: the region and its place on the page.
        kind_probabilities: (K, h, w) float32 of each of `KINDS`, where there is text; None where
            the network does not tell them apart.
    """

    probabilities: NDArray[np.float32]
    ink: NDArray[np.uint8]
    region: Region
    kind_probabilities: Optional[NDArray[np.float32]] = None

    @property
    def kinds(self) -> NDArray[np.float32]:
        """`kind_probabilities`, with no channel where there are none."""
        if self.kind_probabilities is not None:
            return self.kind_probabilities
        return np.zeros((0, *self.probabilities.shape[1:]), np.float32)

    @property
    def stride(self) -> float:
        """Page pixels for each label."""
        return 2.0 / self.region.scale

    def to_page(self, x: Floats, y: Floats) -> Tuple[Floats, Floats]:
        """The page coordinates of points among the labels."""
        return self.region.to_page(2.0 * x, 2.0 * y)


def scale_for(box: Box, area: float) -> float:
    """The scale that gives a box at most that many pixels, within `LARGEST_SCALE`.

    The shorter side counts as `SIDE_MULTIPLE` pixels at least, to which it is padded: a picture as
    thin as a thread would become a thousand times as large.
    """
    thread = area / (SIDE_MULTIPLE * max(box.width, box.height))
    return min(math.sqrt(area / box.area), thread, LARGEST_SCALE)


def network_input(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) ink padded with paper on the right and below, to multiples of `SIDE_MULTIPLE`."""
    height, width = ink.shape
    return np.pad(ink, ((0, -height % SIDE_MULTIPLE), (0, -width % SIDE_MULTIPLE)))


def label_region(
    page: NDArray[np.uint8],
    box: Box,
    scale: float,
    engine: Engine,
    network: str,
) -> Labels:
    """Label the part of a page in a box, at a scale.

    Args:
        page: (H, W) uint8, 0 is black.
        network: the labeler's name in the bundle.
    """
    region = cut_region(page, box, scale)
    ink = page_ink(region.gray)
    height, width = ink.shape
    logits = engine.label_pixels(network, network_input(ink))
    rows, columns = -(-height // 2), -(-width // 2)
    logits = logits[:, :rows, :columns]
    with np.errstate(over="ignore"):  # to infinity, whose inverse is 0
        probabilities = 1.0 / (1.0 + np.exp(-logits[:PLACES]))
    kinds = _shares(logits[PLACES:]) if len(logits) > PLACES else None
    even = np.pad(ink, ((0, height % 2), (0, width % 2)))
    rows_of_two = np.maximum(even[::2], even[1::2])
    halved = np.maximum(rows_of_two[:, ::2], rows_of_two[:, 1::2])
    return Labels(probabilities, halved, region, kinds)


def _shares(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities of channels that exclude each other."""
    powers = np.exp(logits - logits.max(axis=0))
    shares: NDArray[np.float32] = powers / powers.sum(axis=0)
    return shares
