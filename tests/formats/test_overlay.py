from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from htrlib.document.geometry import Box, Size
from htrlib.document.results import LineResult, PageResult, TextLine, Transcription
from htrlib.errors import ImageError
from htrlib.formats.overlay import draw_overlay
from htrlib.images.loading import load_pages, resize
from tests.formats.results import page

PAGE = np.full((300, 200), 255, dtype=np.uint8)


def panel(picture: Image.Image, width: int = 200) -> np.ndarray:
    return np.asarray(picture)[:, width + 2 :]


def test_lines_are_outlined_where_they_lie() -> None:
    drawn = np.asarray(draw_overlay(PAGE, page(["a", "b"])))[:300, :200]
    colored = (drawn != 255).any(axis=2)
    assert colored[40, 25:175].all()  # the upper edge of the first line
    assert colored[45:55, 100].all()  # its tint
    assert not colored[64:68, 30:170].any()  # between the lines
    assert colored[288:292, 20:180].any(axis=0).all()  # the lower edge of the paragraph


def test_the_page_shows_through() -> None:
    dark = np.zeros_like(PAGE)
    drawn = np.asarray(draw_overlay(dark, page(["a"])))
    assert (drawn[100:280, 20:180] == 0).all()
    assert drawn[45:55, 100].max() < 60


def test_text_stands_beside_its_line() -> None:
    ink = (panel(draw_overlay(PAGE, page(["", "", "", "", "mmmmmm"]))) < 128).all(axis=2)
    rows = np.flatnonzero(ink[:, 60:].any(axis=1))
    rows = rows[rows > 60]  # under the head
    assert abs(float(rows.mean()) - (40 + 4 * 30 + 10)) < 5


def test_longer_text_makes_a_wider_panel_and_none_is_cut_off() -> None:
    short, long = (draw_overlay(PAGE, page(["word " * count])) for count in (10, 60))
    assert long.width > 3 * short.width
    assert (panel(long)[:, -5:] == 255).all()


def test_lines_closer_than_text_is_high_make_a_longer_panel() -> None:
    lines = tuple(
        LineResult(TextLine(Box(0, y, 9, y + 2)), Transcription("word", 0.0, 1.0))
        for y in range(100)
    )
    picture = draw_overlay(PAGE[:110], PageResult(Size(200, 110), Box(0, 0, 9, 102), lines))
    assert picture.height > 100 * 12


def test_unsure_words_stand_out() -> None:
    def orange(confidence: float) -> bool:
        drawn = panel(draw_overlay(PAGE, page(["word"], confidence))).astype(int)
        return bool(((drawn[..., 0] > 180) & (drawn[..., 2] < 30)).any())

    assert orange(0.2)
    assert not orange(0.8)


def test_a_page_without_handwriting_is_drawn_unmarked() -> None:
    picture = draw_overlay(PAGE, page([]))
    assert (np.asarray(picture)[:, :200] == 255).all()
    assert (panel(picture) < 200).any()  # says so


def test_lines_that_begin_at_the_edge_have_paper_for_their_numbers_before_them() -> None:
    def width(left: float) -> int:
        place = TextLine(Box(left, 100, 180, 140))
        line = LineResult(place, Transcription("word", 0.0, 1.0))
        return draw_overlay(PAGE, PageResult(Size(200, 300), None, (line,))).width

    assert width(0) > width(60) + 15
    assert width(100) == width(60)


def test_the_box_of_the_handwriting_cuts_through_no_line() -> None:
    line = LineResult(TextLine(Box(30, 100, 180, 140)), Transcription("word", 0.0, 1.0))
    result = PageResult(Size(200, 300), Box(30, 120, 180, 200), (line,))
    drawn = np.asarray(draw_overlay(PAGE, result))[:300, :200].astype(int)
    gray = (np.abs(drawn - (110, 118, 130)) < 12).all(axis=2)
    assert not gray[115:125, 40:170].any()


def test_what_is_doubtful_is_told() -> None:
    plain = PageResult(Size(200, 300))
    warned = PageResult(Size(200, 300), warnings=("half of the page was not read",))
    orange = [
        ((drawn[..., 0] > 180) & (drawn[..., 2] < 30)).any()
        for drawn in (panel(draw_overlay(PAGE, result)).astype(int) for result in (plain, warned))
    ]
    assert orange == [False, True]


def test_a_large_page_gives_a_picture_that_can_be_looked_at() -> None:
    picture = draw_overlay(np.full((3000, 6000), 255, np.uint8), PageResult(Size(6000, 3000)))
    assert picture.height == 1600


@pytest.mark.parametrize("side", [1, 2])
def test_a_tiny_page_is_drawn(side: int) -> None:
    box = Box(0, 0, side, side)
    line = LineResult(TextLine(box), Transcription("i", 0.0, 1.0))
    result = PageResult(Size(side, side), box, (line,))
    assert draw_overlay(np.zeros((side, side), np.uint8), result).height >= side


def test_lines_may_reach_over_the_edge() -> None:
    line = LineResult(TextLine(Box(-50, -20, 400, 500)), Transcription("wide", 0.0, 1.0))
    draw_overlay(PAGE, PageResult(Size(200, 300), None, (line,)))


def test_what_is_no_page_is_an_image_error() -> None:
    with pytest.raises(ImageError):
        draw_overlay(np.zeros((3, 3, 3), np.uint8), page([]))


def test_the_font_has_the_letters_of_english_and_french() -> None:
    from htrlib.formats import overlay

    font = ImageFont.truetype(str(overlay._FONT), 20, layout_engine=ImageFont.Layout.BASIC)
    missing = bytes(font.getmask("\U000f1234"))
    letters = "abcXYZ0189 àâæçéèêëîïôœùûüÿÀÂÆÇÉÈÊËÎÏÔŒÙÛÜŸ«»“”‘’‹›—–…€£§°½ßñ"
    assert not [c for c in letters if bytes(font.getmask(c)) == missing]


def test_a_page_of_a_pdf_read_at_another_resolution_is_drawn_in_its_place(tmp_path: Path) -> None:
    Image.fromarray(PAGE).save(tmp_path / "a.pdf", resolution=100)
    coarse = load_pages(tmp_path / "a.pdf")[0]
    assert coarse.shape != PAGE.shape
    read = page(["one", "two"])
    read.save(tmp_path / "a.overlay.png", source=tmp_path / "a.pdf")
    with Image.open(tmp_path / "a.overlay.png") as drawn:
        expected = draw_overlay(resize(coarse, read.size.width, read.size.height), read)
        assert drawn.size == expected.size
        assert (np.asarray(drawn) == np.asarray(expected)).all()
