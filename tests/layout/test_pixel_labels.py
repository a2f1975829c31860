from __future__ import annotations

from typing import Any, List, Tuple

import numpy as np
import pytest
from numpy.typing import NDArray

from htrlib.document.geometry import Box
from htrlib.images.regions import Region
from htrlib.layout.pixel_labels import (
    LARGEST_SCALE,
    Labels,
    label_region,
    network_input,
    scale_for,
)

PAGE = np.full((300, 400), 240, np.uint8)
PAGE[100:110, 200:240] = 10


class InkEngine:
    """Returns the ink itself at half the resolution, and records its input."""

    def __init__(self) -> None:
        self.seen: List[NDArray[np.uint8]] = []

    def label_pixels(self, _: str, ink: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.seen.append(ink)
        return ink[np.newaxis, ::2, ::2] * np.float32(20 / 255) - 10


@pytest.fixture
def engine() -> Any:
    return InkEngine()


@pytest.mark.parametrize("scale", [0.5, 0.73, 1.0, 1.6])
def test_labels_know_where_they_are_on_the_page(engine: Any, scale: float) -> None:
    labels = label_region(PAGE, Box(57, 31, 390, 299), scale, engine, "any")
    rows, columns = np.nonzero(labels.probabilities[0] > 0.5)
    left, top = labels.to_page(columns.min(), rows.min())
    right, bottom = labels.to_page(columns.max() + 1, rows.max() + 1)
    assert (left, top) == pytest.approx((200, 100), abs=2 / scale)
    assert (right, bottom) == pytest.approx((240, 110), abs=2 / scale)
    assert right - left == pytest.approx(40, abs=2 * labels.stride)


def test_ink_and_probabilities_have_one_size_without_the_padding(
    engine: Any,
) -> None:
    labels = label_region(PAGE, Box(0, 0, 333, 201), 1.0, engine, "any")
    assert labels.ink.shape == labels.probabilities.shape[1:] == (101, 167)


def test_halving_keeps_thin_strokes(engine: Any) -> None:
    page = np.full((64, 64), 240, np.uint8)
    page[:, 31] = 10
    labels = label_region(page, Box(0, 0, 64, 64), 1.0, engine, "any")
    assert (labels.ink[:, 15] > 200).all()


def test_sides_are_padded_so_that_few_shapes_occur() -> None:
    shapes = {
        network_input(np.full((height, 130), 255, np.uint8)).shape for height in range(129, 193)
    }
    assert shapes == {(192, 192)}
    pixels = network_input(np.full((65, 130), 255, np.uint8))
    assert pixels[:65, :130].min() == 255
    assert pixels.sum() == 255 * 65 * 130


def test_a_region_that_reaches_over_the_page_is_cut_to_it(
    engine: Any,
) -> None:
    labels = label_region(PAGE, Box(-50, -20, 500, 900), 1.0, engine, "any")
    assert labels.ink.shape == (150, 200)
    assert labels.to_page(0, 0) == (0, 0)


def test_a_box_is_scaled_to_an_area_but_not_enlarged_beyond_reason() -> None:
    assert scale_for(Box(0, 0, 2000, 1000), 500_000) == pytest.approx(0.5)
    assert scale_for(Box(0, 0, 100, 10), 500_000) == LARGEST_SCALE


@pytest.mark.parametrize("sides", [(1700, 2200), (1500, 60), (2, 200_000), (200_000, 2), (1, 1)])
def test_no_picture_becomes_much_larger_than_asked_for(sides: Tuple[int, int]) -> None:
    scale = scale_for(Box(0, 0, *sides), 400_000.0)
    ink = np.broadcast_to(np.uint8(0), tuple(max(1, round(side * scale)) for side in sides))
    assert network_input(ink).size < 2 * 400_000
    assert scale > 0.5 or min(sides) < 3 or max(sides) > 2000


def test_the_usual_thickness_of_cores_counts_every_band_of_a_column() -> None:
    probabilities = np.zeros((1, 60, 30), np.float32)
    region = Region(PAGE, 0, 0, 1.0)
    assert Labels(probabilities, PAGE, region).core_thickness == 0
    for top in (5, 25, 45):
        probabilities[0, top : top + 5] = 1
    assert Labels(probabilities, PAGE, region).core_thickness == 5
