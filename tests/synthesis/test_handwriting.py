from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from htrlib.document.geometry import union_of
from htrlib.errors import DatasetError
from htrlib.synthesis.handwriting import (
    BUNDLED_FONTS,
    HandwritingStyle,
    draw_line,
    line_width,
    load_fonts,
)

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,é"
TEXT = "Long loops fly by, and jagged quills quiver."
PLAIN = HandwritingStyle(space_jitter=0.0, word_lift=0.0, word_size=0.0)
FONTS = load_fonts(BUNDLED_FONTS, LETTERS)


@pytest.fixture(params=FONTS, ids=lambda font: font.path.stem)
def font(request):
    return request.param


@pytest.fixture(params=[PLAIN, HandwritingStyle(letter_lift=0.02, letter_space=0.03)])
def style(request):
    return request.param


def draw(font, style=None, text=TEXT, height=60, seed=0):
    return draw_line(text, font, height, np.random.default_rng(seed), style)


def test_bundled_fonts_come_with_their_licenses():
    for font in FONTS:
        name = font.path.name.split("-latin")[0]
        assert "Open Font License" in (BUNDLED_FONTS / f"{name}.LICENSE.txt").read_text()


def test_fonts_are_found_in_folders_below_in_the_order_of_their_names(tmp_path):
    for number, font in enumerate(FONTS):
        (tmp_path / "deep").mkdir(exist_ok=True)
        shutil.copy(font.path, tmp_path / "deep" / f"{9 - number}.woff")
    (tmp_path / "deep" / "notes.txt").write_text("not a font")
    found = load_fonts(tmp_path, LETTERS)
    assert [font.path.name for font in found] == ["7.woff", "8.woff", "9.woff"]


def test_a_folder_without_fonts_is_named(tmp_path):
    with pytest.raises(DatasetError, match=str(tmp_path)):
        load_fonts(tmp_path, LETTERS)


def test_a_font_knows_which_characters_it_draws(font):
    assert font.covers("été abc")
    assert not font.covers("a 漢")
    assert "漢" not in load_fonts(font.path.parent, "a漢")[0].characters


@pytest.mark.parametrize("text", ["", "  ", "漢字"])
def test_text_that_cannot_be_drawn_is_refused(font, text):
    with pytest.raises(DatasetError, match="cannot draw"):
        draw(font, text=text)


def test_ink_fills_its_picture_to_the_edges(font, style):
    ink = draw(font, style).ink
    assert ink.dtype == np.uint8
    assert ink.max() > 200
    assert all(edge.any() for edge in (ink[0], ink[-1], ink[:, 0], ink[:, -1]))


def test_every_pixel_of_ink_belongs_to_a_word(font, style):
    drawn = draw(font, style)
    assert ((drawn.ink > 0) == (drawn.words > 0)).all()
    assert set(np.unique(drawn.words)) == set(range(len(TEXT.split()) + 1))


def test_word_boxes_hold_the_words_ink(font, style):
    drawn = draw(font, style)
    assert len(drawn.word_boxes) == len(TEXT.split())
    for number, box in enumerate(drawn.word_boxes, 1):
        rows, columns = np.nonzero(drawn.words == number)
        bounds = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        assert np.abs(np.subtract(bounds, box.as_tuple())).max() <= 2
    assert (
        np.abs(np.subtract(union_of(drawn.word_boxes).as_tuple()[2:], drawn.ink.shape[::-1])).max()
        <= 2
    )


def test_tall_letters_rise_to_the_height_and_deep_ones_hang_from_the_baseline(font):
    drawn = draw(font, PLAIN, "bdfhklgpqyABDLT", height=100)
    assert drawn.ink.shape[0] == pytest.approx(100, abs=4)
    share = font.ascent / (font.ascent + font.descent)
    assert drawn.baseline == pytest.approx(100 * share, abs=4)


def test_letters_without_descenders_stand_on_the_baseline(font):
    drawn = draw(font, PLAIN, "nun")
    assert drawn.baseline == pytest.approx(drawn.ink.shape[0], abs=4)


def test_the_width_is_known_before_drawing(font, style):
    drawn = draw(font, style, height=80)
    assert line_width(TEXT, font, 80, style) == pytest.approx(drawn.ink.shape[1], rel=0.08)


def test_white_space_is_folded(font):
    assert draw(font, text="  so   it\tgoes ").text == "so it goes"


def test_the_same_seed_draws_the_same_line(font):
    first, again, other = draw(font, seed=3), draw(font, seed=3), draw(font, seed=4)
    assert np.array_equal(first.ink, again.ink)
    assert first.word_boxes == again.word_boxes
    assert not np.array_equal(first.ink, other.ink)


def test_small_capitals_are_drawn_as_high_as_small_letters(font):
    style = replace(PLAIN, small_capitals=frozenset("n"), capital_size=1.0)
    small, capital, as_small = (
        draw(font, used, text).ink.shape[0]
        for used, text in ((PLAIN, "x"), (PLAIN, "N"), (style, "n"))
    )
    assert abs(as_small - small) < 0.4 * small
    assert as_small < 0.85 * capital
    assert draw(font, style, "nun").text == "nun"


def test_letters_with_accents_become_small_capitals_with_them():
    style = HandwritingStyle(small_capitals=frozenset("eß"))
    assert [style.shape(letter) for letter in "eéaEß"] == ["E", "É", "a", "E", "ß"]


def test_a_font_without_the_capital_of_a_small_one_is_told(font):
    style = replace(PLAIN, small_capitals=frozenset("e"))
    with pytest.raises(DatasetError, match="cannot draw"):
        draw(font, style, "é")  # there is no É among LETTERS
