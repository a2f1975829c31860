from __future__ import annotations

import math
from typing import Tuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from htrlib.images.rulings import _refined, without_squares

Page = NDArray[np.uint8]

TEXT = "The habit of looking at things, doubtful but kindly, led him to the old hall."
PAPER, INK, RULE = 235, 60, 170


def letter(paper: int = PAPER) -> Page:
    picture = Image.new("L", (900, 700), paper)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(24)
    for number in range(11):
        draw.text((60, 60 + 52 * number), TEXT[number % 9 :], fill=INK, font=font)
    return np.asarray(picture)


def ruled(page: Page, across: float, down: float, thick: int = 1, degrees: float = 0.0) -> Page:
    """The page with sloping rulings at these distances; 0 draws none."""
    height, width = page.shape
    paper = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(paper)
    slope = math.tan(math.radians(degrees))
    for x in np.arange(7 - 2 * width, 2 * width, across) if across else ():
        draw.line((x, 0, x - slope * height, height), RULE, thick)
    for y in np.arange(5 - 2 * height, 2 * height, down) if down else ():
        draw.line((0, y, width, y + slope * width), RULE, thick)
    return np.minimum(page, np.asarray(paper))


def difference(page: Page, other: Page) -> float:
    return float(np.abs(page.astype(int) - other).mean())


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    st.floats(14, 60), st.sampled_from([1, 2, 3]), st.floats(-1.0, 1.0), st.sampled_from([0, 4, 8])
)
@example(20.0, 1, -0.5, 0)  # one direction taken out leaves gaps in the other
@example(48.0, 1, 0.5, 0)  # lines that step from column to column in the middle of a strip
@example(34.0, 1, 0.5, 0)
@example(46.0, 1, 1.0, 0)
def test_squares_go_and_writing_stays(
    distance: float, thick: int, degrees: float, noise: int
) -> None:
    page = letter()
    rough = ruled(page, distance, distance, thick, degrees).astype(float)
    rough += np.random.default_rng(1).normal(0, noise, rough.shape)
    squared = np.clip(rough, 0, 255).astype(np.uint8)
    cleaned = without_squares(squared)
    before, after = (
        (np.abs(found.astype(int) - PAPER) > 40)[page == PAPER].mean()
        for found in (squared, cleaned)
    )
    assert after < 0.4 * before
    strokes = (cleaned < (PAPER + INK) / 2)[page < INK + 20]
    assert strokes.mean() > 0.9


def test_french_ruling_goes() -> None:
    page = letter()
    cleaned = without_squares(ruled(page, 32, 8))
    assert difference(cleaned, page) < 0.2 * difference(ruled(page, 32, 8), page)


def test_squares_over_other_lines_go_with_them() -> None:
    page = letter()
    both = ruled(ruled(page, 30, 30), 0, 52, thick=2)
    assert difference(without_squares(both), page) < 0.2 * difference(both, page)


@pytest.mark.parametrize(("across", "down"), [(0, 0), (0, 40), (40, 0), (0, 9)])
def test_pages_without_squares_are_handed_on_as_they_are(across: float, down: float) -> None:
    page = ruled(letter(), across, down)
    assert without_squares(page) is page


def test_a_table_of_a_few_lines_is_no_squared_paper() -> None:
    page = letter().copy()
    for x in (40, 300, 520, 860):
        page[40:660, x : x + 2] = RULE
    page[40:660:52] = RULE
    assert without_squares(page) is page


@given(arrays(np.float64, st.integers(6, 60), elements=st.floats(-1.0, 1.0)), st.integers(5, 20))
@example(np.arange(60.0), 5)
def test_a_distance_measured_over_many_lines_stays_near_the_first(
    together: NDArray[np.float64], lag: int
) -> None:
    """Even if it drifts until no column is left to measure."""
    assert abs(_refined(together, lag) - lag) < 1


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (400, 3), (47, 500), (600, 29)])
def test_pictures_of_a_few_pixels_stay(shape: Tuple[int, int]) -> None:
    page = np.full(shape, 200, np.uint8)
    assert without_squares(page) is page


def test_a_page_of_noise_or_of_one_gray_stays() -> None:
    noise = np.random.default_rng(2).integers(0, 255, (500, 500)).astype(np.uint8)
    assert without_squares(noise) is noise
    gray = np.full((500, 500), 128, np.uint8)
    assert without_squares(gray) is gray
