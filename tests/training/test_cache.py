"""Pictures that trainings cut and store: as recognition sees them."""

from __future__ import annotations

import numpy as np
import pytest

from htrlib.data.samples import LabeledLine, LineSample, PageSample
from htrlib.document.geometry import Box, Polygon, Size
from htrlib.document.results import TextLine
from htrlib.training.cache import cut_lines, keep_pages

OUTLINE = ((20, 30), (380, 30), (380, 80), (20, 80))
LINE = TextLine(Box(20, 30, 380, 80), Polygon(OUTLINE), ((20, 70), (380, 70)))


@pytest.fixture
def page():
    rng = np.random.default_rng(1)
    page = np.full((120, 400), 220, np.uint8)
    page[35:75, 20:380][rng.random((40, 360)) < 0.2] = 30
    return page


def cut(page, line, folder):
    sample = LineSample(lambda: page, "text", "page#1", line)
    return np.array(cut_lines([sample], folder / "lines.pictures", 64, 0.08, marked=False)[0])


@pytest.mark.parametrize("line", [LINE, None], ids=["on a page", "a picture of its own"])
def test_a_line_that_is_light_on_dark_is_cut_like_one_that_is_dark_on_light(page, line, tmp_path):
    (tmp_path / "light").mkdir()
    expected = cut(page, line, tmp_path)
    assert expected.max() == 255
    np.testing.assert_array_equal(cut(~page, line, tmp_path / "light"), expected)


def test_a_page_that_is_light_on_dark_is_kept_dark_on_light(page, tmp_path):
    size = Size(page.shape[1], page.shape[0])
    sample = PageSample(lambda: ~page, size, "page", (LabeledLine("text", LINE),))
    np.testing.assert_array_equal(keep_pages([sample], tmp_path / "pages.pictures")[0], page)
