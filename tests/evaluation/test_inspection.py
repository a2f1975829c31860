from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from htrlib.document.geometry import Box
from htrlib.document.results import TextLine
from htrlib.evaluation import draw_lines, draw_page
from htrlib.evaluation.inspection import line_picture
from tests.evaluation.staged import STEP, WIDTH, blank, line, page


def colored(picture: Image.Image) -> np.ndarray:
    pixels = np.asarray(picture).astype(int)
    found: np.ndarray = np.ptp(pixels, axis=2) > 30
    return found


def test_a_page_shows_lines_words_and_texts() -> None:
    sample = page(["one", "two"])
    shown = colored(draw_page(sample))
    assert shown[0:3, 40:90].any(axis=0).all()  # upper edge of the first line
    assert shown[4:11, 12].all()  # left edge of its word
    assert not shown[16:19, 40:150].any()  # between the lines
    blank_panel = np.asarray(draw_page(page(["", ""])))[:, -20:]
    assert np.asarray(draw_page(page(["one", "two"])))[:, WIDTH:].min() < blank_panel.min()


def test_texts_without_a_place_stand_below() -> None:
    loose = draw_page(page(["one", "two"], placed=False))
    assert loose.height > draw_page(page(["one", "two"])).height
    assert (np.asarray(loose)[2 * STEP + 12 :] < 128).any()


def test_a_page_without_lines_can_be_drawn() -> None:
    empty = draw_page(page([]))
    assert empty.width == WIDTH
    assert (np.asarray(empty)[12:] < 128).any()  # it says so


def test_lines_stand_below_each_other() -> None:
    one, two = draw_lines([line("one")]), draw_lines([line("one"), line("two" * 100)])
    assert two.height == 2 * one.height
    assert two.width > 10 * one.width


@pytest.mark.parametrize(
    ("place", "shape"),
    [
        (None, (STEP + 10, WIDTH)),
        (TextLine(Box(50, 10, 100, 20)), (16, 56)),
        (TextLine(Box(0, 0, WIDTH, 20)), (26, WIDTH)),
    ],
)
def test_a_line_is_cut_with_a_margin_that_ends_at_the_page(place: object, shape: object) -> None:
    assert line_picture(blank(1), line("a", line=place)).shape == shape
