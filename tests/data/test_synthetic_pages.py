from __future__ import annotations

import pickle

import numpy as np
import pytest

from htrlib import data
from htrlib.errors import AnnotationError, ConfigError, DatasetError
from htrlib.synthesis.handwriting import BUNDLED_FONTS
from htrlib.synthesis.pages import PageConfig

TEXT = "A quiet harbor lay behind the hills and boats came in with the tide\n" * 3
SMALL = PageConfig(kinds={"letter": 1.0}, width=(300, 400), lines=(4, 6))


@pytest.fixture()
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def load(text, **options):
    return data.load("synthetic", BUNDLED_FONTS, text=text, pages=2, config=SMALL, **options)


def test_pages_carry_their_lines_words_and_places(text):
    dataset = load(text, seed=3)
    assert len(dataset.pages) == 2
    assert len({page.source for page in dataset}) == 2
    for page in dataset.pages:
        assert page.lines
        for line in page.lines:
            assert set(line.text.split()) <= set(TEXT.split())
            assert [word.text for word in line.words] == line.text.split()
    assert not dataset.problems


def test_pictures_are_of_the_size_that_is_said_and_the_same_each_time(text):
    first, second = load(text).pages[1], load(text).pages[1]
    image = first.load_image()
    assert image.shape == (first.size.height, first.size.width)
    assert np.array_equal(image, second.load_image())
    assert not np.array_equal(
        image[:100, :100], load(text, seed=1).pages[1].load_image()[:100, :100]
    )


def test_the_lines_lie_where_the_ink_is(text):
    (page, _) = load(text).pages
    image = page.load_image()
    outside = image.astype(float).copy()
    for line in page.lines:
        left, top, right, bottom = map(int, line.line.box.as_tuple())
        outside[top : bottom + 1, left : right + 1] = np.nan
    inside = image[np.isnan(outside)]
    assert np.percentile(inside, 1) < np.nanpercentile(outside, 1)


def test_samples_travel_to_other_processes(text):
    page = load(text).pages[0]
    assert np.array_equal(pickle.loads(pickle.dumps(page)).load_image(), page.load_image())  # noqa: S301


def test_characters_that_no_font_has_are_reported(text):
    text.write_text(f"{TEXT} 漢字", encoding="utf-8")
    (problem,) = load(text).problems
    assert (problem.reason, problem.detail) == ("characters that no font can draw", "字漢")


def test_mistakes_are_named(text, tmp_path):
    with pytest.raises(AnnotationError, match=r"nothing\.txt"):
        load(tmp_path / "nothing.txt")
    empty = tmp_path / "empty.txt"
    empty.write_text(" \n")
    with pytest.raises(AnnotationError, match="no word"):
        load(empty)
    with pytest.raises(ConfigError, match="at least 1, found 0"):
        data.load("synthetic", BUNDLED_FONTS, text=text, pages=0)
    with pytest.raises(DatasetError, match="folder of fonts"):
        data.load("synthetic", tmp_path / "fonts", text=text)
