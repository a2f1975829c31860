"""Pictures that trainings cut and store: as recognition sees them, and anew when they changed."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from htrlib.data.samples import LabeledLine, LineSample, PageSample
from htrlib.document.geometry import Box, Polygon, Size
from htrlib.document.results import TextLine
from htrlib.images.numbered_pages import load_page
from htrlib.training.cache import cut_lines, keep_pages

OUTLINE = ((20, 30), (380, 30), (380, 80), (20, 80))
LINE = TextLine(Box(20, 30, 380, 80), Polygon(OUTLINE), ((20, 70), (380, 70)))


@pytest.fixture
def page():
    rng = np.random.default_rng(1)
    page = np.full((120, 400), 220, np.uint8)
    page[35:75, 20:380][rng.random((40, 360)) < 0.2] = 30
    return page


def cut(image, line, folder):
    sample = LineSample(image, "text", "page#1", line)
    return np.array(cut_lines([sample], folder / "lines.pictures", 64, 0.08, marked=False)[0])


@pytest.mark.parametrize("line", [LINE, None], ids=["on a page", "a picture of its own"])
def test_a_line_that_is_light_on_dark_is_cut_like_one_that_is_dark_on_light(page, line, tmp_path):
    (tmp_path / "light").mkdir()
    expected = cut(lambda: page, line, tmp_path)
    assert expected.max() == 255
    np.testing.assert_array_equal(cut(lambda: ~page, line, tmp_path / "light"), expected)


def test_a_page_that_is_light_on_dark_is_kept_dark_on_light(page, tmp_path):
    size = Size(page.shape[1], page.shape[0])
    sample = PageSample(lambda: ~page, size, "page", (LabeledLine("text", LINE),))
    np.testing.assert_array_equal(keep_pages([sample], tmp_path / "pages.pictures")[0], page)


def write(path: Path, *lefts: int) -> None:
    """Write a file with a page for each stroke, which begins at `left`."""
    pages = []
    for left in lefts:
        page = np.full((60, 600), 235, np.uint8)
        page[20:40, left : left + 100] = 0
        pages.append(Image.fromarray(page))
    pages[0].save(path, save_all=True, append_images=pages[1:])


def test_pages_of_a_file_are_cut_again_when_it_has_changed(tmp_path):
    file = tmp_path / "scan.tif"

    def cut_page(number: int) -> bytes:
        return cut(partial(load_page, file, number), None, tmp_path).tobytes()

    write(file, 100, 400)
    first, second = cut_page(1), cut_page(2)
    assert first != second
    write(file, 100, 200)
    os.utime(file, (1, 1))
    assert cut_page(2) not in (first, second)
