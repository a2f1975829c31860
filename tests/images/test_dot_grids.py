from __future__ import annotations

import math
from typing import Tuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from htrlib.images.dot_grids import without_dots
from tests.images.test_rulings import INK, PAPER, letter, ruled

Page = NDArray[np.uint8]


def dotted(page: Page, distance: float, size: int, degrees: float) -> Page:
    """The page with a dot at each crossing of squares that are turned."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    found, most = page.copy(), int(2 * max(page.shape) / distance)
    for i in range(-most, most):
        for j in range(-most, most):
            y, x = (i * cosine + j * sine) * distance, (j * cosine - i * sine) * distance
            if 0 <= y < page.shape[0] - size and 0 <= x < page.shape[1] - size:
                dot = found[int(y) : int(y) + size, int(x) : int(x) + size]
                np.minimum(dot, 170, out=dot)
    return found


@settings(max_examples=20)
@given(st.floats(16, 30), st.sampled_from([1, 2, 3]), st.floats(-2.0, 2.0))
@example(16.3, 1, 2.0)
def test_dots_go_and_writing_stays(distance: float, size: int, degrees: float) -> None:
    """4 to 7 mm on a page that is 210 mm wide."""
    page = letter()
    dots = dotted(page, distance, size, degrees)
    cleaned = without_dots(dots)
    before, after = (
        (np.abs(found.astype(int) - PAPER) > 40)[page == PAPER].mean() for found in (dots, cleaned)
    )
    assert after < 0.25 * before
    assert (cleaned < (PAPER + INK) / 2)[page < INK + 20].mean() > 0.95


@pytest.mark.parametrize(("across", "down"), [(0, 0), (30, 30), (0, 40)])
def test_pages_without_dots_are_handed_on_as_they_are(across: float, down: float) -> None:
    page = ruled(letter(), across, down)
    assert without_dots(page) is page


def test_specks_that_make_no_grid_stay() -> None:
    page = letter().copy()
    rng = np.random.default_rng(3)
    for y, x in rng.integers(0, (698, 898), (400, 2)):
        page[y : y + 2, x : x + 2] = 90
    assert without_dots(page) is page


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (40, 40), (17, 600)])
def test_pictures_of_a_few_pixels_stay(shape: Tuple[int, int]) -> None:
    page = np.full(shape, 200, np.uint8)
    assert without_dots(page) is page


def test_a_page_of_noise_stays() -> None:
    noise = np.random.default_rng(2).integers(0, 255, (500, 500)).astype(np.uint8)
    assert without_dots(noise) is noise
