from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from htrlib.document.geometry import Box
from htrlib.document.results import TextLine
from htrlib.layout.word_pictures import word_in

Page = NDArray[np.uint8]


def picture(text: str, width: int = 110, height: int = 120) -> Page:
    image = Image.new("L", (width, height), 235)
    font = ImageFont.load_default(64)
    ImageDraw.Draw(image).text((width / 2, height / 2), text, 40, font, anchor="mm")
    return np.asarray(image)


@pytest.mark.parametrize("word", ["I", "is", "21", "D."])
def test_a_short_word_that_nothing_found_is_a_line(word: str) -> None:
    found = word_in(picture(word), ())
    assert found is not None
    ink = np.argwhere(picture(word) < 128)
    assert found.box.top <= ink[:, 0].min() < ink[:, 0].max() < found.box.bottom
    assert found.box.left <= ink[:, 1].min() < ink[:, 1].max() < found.box.right


def test_a_word_cut_in_two_is_one_line() -> None:
    pieces = [TextLine(Box(30, 40, 50, 90)), TextLine(Box(55, 50, 80, 90))]
    assert word_in(picture("is"), pieces) is not None


def test_a_word_that_was_found_stays_as_it_is() -> None:
    assert word_in(picture("21"), [TextLine(Box(15, 30, 95, 100))]) is None


def test_lines_of_several_words_stay_as_they_are() -> None:
    lines = [TextLine(Box(0, top, 400, top + 30)) for top in (10, 60)]
    assert word_in(picture("to be", 400), lines) is None


@pytest.mark.parametrize("size", [(110, 120), (1, 1), (7, 3)])
def test_empty_paper_holds_no_word(size: tuple[int, int]) -> None:
    assert word_in(np.full(size, 230, np.uint8), ()) is None


def test_a_stroke_is_no_word() -> None:
    page = np.full((100, 300), 230, np.uint8)
    page[50:54, 20:280] = 30
    assert word_in(page, ()) is None


def test_a_mark_on_a_page_is_no_word() -> None:
    page = np.full((900, 700), 230, np.uint8)
    page[100:300, 100:200] = 30
    assert word_in(page, ()) is None
