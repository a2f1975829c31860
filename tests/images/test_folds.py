from __future__ import annotations

from typing import Tuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from htrlib.images.folds import without_folds

Page = NDArray[np.uint8]

TEXT = "The habit of looking at things, doubtful but kindly, led him to the old hall."
PAPER, INK = 235, 60


def letter(paper: int = PAPER, ink: int = INK, scale: int = 1) -> Page:
    picture = Image.new("L", (900 * scale, 700 * scale), paper)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(24 * scale)
    for number in range(11):
        draw.text((60 * scale, (60 + 52 * number) * scale), TEXT[number % 9 :], ink, font)
    return np.asarray(picture)


def folded(page: Page, place: float, depth: float, width: float, axis: int) -> Page:
    """Return the page with a fold at a fraction of its height, or of its width for axis 1."""
    length = page.shape[axis]
    shade = 1 - depth * np.exp(-np.abs(np.arange(length) - place * length) / width)
    return (page * (shade[:, np.newaxis] if axis == 0 else shade)).round().astype(np.uint8)


def difference(page: Page, other: Page) -> float:
    return float(np.abs(page.astype(int) - other).mean())


@settings(max_examples=20, deadline=None)
@given(
    st.floats(0.1, 0.9),
    st.floats(0.25, 0.5),
    st.floats(3, 6),
    st.sampled_from([0, 1]),
    st.sampled_from([1, 3]),
)
def test_folds_are_brightened(
    place: float, depth: float, width: float, axis: int, scale: int
) -> None:
    page = letter(scale=scale)
    dark = folded(page, place, depth, width * scale, axis)
    assert difference(without_folds(dark), page) < 0.4 * difference(dark, page)


def test_folds_both_ways_are_brightened() -> None:
    page = letter()
    dark = folded(folded(page, 0.5, 0.35, 4, 0), 0.5, 0.35, 4, 1)
    assert difference(without_folds(dark), page) < 0.4 * difference(dark, page)


@pytest.mark.parametrize("paper_and_ink", [(235, 60), (60, 235), (110, 200), (235, 150)])
def test_pages_without_folds_are_handed_on_as_they_are(paper_and_ink: Tuple[int, int]) -> None:
    for axis in (0, 1):
        page = letter(*paper_and_ink)
        page = page if axis == 0 else np.ascontiguousarray(page.T)
        assert without_folds(page) is page


@pytest.mark.parametrize("thick", [1, 2, 4, 12])
@pytest.mark.parametrize("gray", [40, 150, 190])
def test_rules_and_bars_stay(thick: int, gray: int) -> None:
    page = letter().copy()
    for y in range(40, 700, 52):
        page[y : y + thick] = gray
    page[:, 40 : 40 + thick] = gray
    assert without_folds(page) is page


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (400, 3), (81, 500)])
def test_pictures_of_a_few_pixels_stay(shape: Tuple[int, int]) -> None:
    page = np.full(shape, 200, np.uint8)
    page[:, shape[1] // 2] = 120
    assert without_folds(page) is page
