from __future__ import annotations

from typing import List

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from htrlib.document.geometry import Box
from htrlib.document.kinds import HANDWRITTEN, KINDS, PRINTED
from htrlib.document.results import TextLine
from htrlib.images.regions import Region
from htrlib.layout.fine_print import cores_beside, inserted, small_print_among, small_print_regions
from htrlib.layout.line_outlines import Core
from htrlib.layout.pixel_labels import Labels
from htrlib.stages.lines import segment_lines
from tests.written_pages import written_page

HEIGHT, WIDTH = 200, 300
REGION = Box(0, 0, 2 * WIDTH, 2 * HEIGHT)


def core(left: int, right: int, top: float, thickness: float) -> Core:
    columns = np.arange(left, right)
    upper = np.full(len(columns), top)
    return Core(columns, upper, upper + thickness, 0.9)


WRITING = [core(20, 280, top, 6) for top in (80, 105, 130, 155)]
PRINT = [core(20, 80, top, 2) for top in (20, 26, 32)]


def labels_of(cores: List[Core], kinds: bool = True) -> Labels:
    probabilities = np.zeros((1, HEIGHT, WIDTH), np.float32)
    for one in cores:
        probabilities[0, int(one.upper[0]) : int(one.lower[0]), one.left : one.right] = 1
    ink = np.zeros((HEIGHT, WIDTH), np.uint8)
    known = np.full((len(KINDS), HEIGHT, WIDTH), 1 / 3, np.float32) if kinds else None
    return Labels(probabilities, ink, Region(ink, 0.0, 0.0, 1.0), known)


def line(left: float, top: float, right: float, bottom: float, kind: str = PRINTED) -> TextLine:
    return TextLine(Box(left, top, right, bottom), kind=kind)


def test_several_thin_cores_mark_a_region_with_all_of_them() -> None:
    (region,) = small_print_regions([*WRITING, *PRINT], labels_of(WRITING))
    assert region.left <= 40 and region.right >= 160  # page pixels: two per label
    assert region.top <= 40 and 68 <= region.bottom < 160


def test_a_region_reaches_to_the_ends_of_its_lines() -> None:
    longer = core(60, 200, 26, 5)
    (region,) = small_print_regions([*WRITING, *PRINT, longer], labels_of(WRITING))
    assert region.right < 400  # most of it is outside
    shorter = core(60, 110, 26, 5)
    (region,) = small_print_regions([*WRITING, *PRINT, shorter], labels_of(WRITING))
    assert region.right >= 220


@pytest.mark.parametrize(
    "cores",
    [WRITING, [*WRITING, PRINT[0]], [*WRITING, core(20, 24, 20, 2), core(40, 44, 20, 2)]],
    ids=["nothing thin", "one thin core", "dots"],
)
def test_other_pages_have_no_regions(cores: List[Core]) -> None:
    assert small_print_regions(cores, labels_of(WRITING)) == []


def test_thin_cores_all_over_a_page_are_no_small_print() -> None:
    pairs = [
        core(left, left + 20, top + line, 2)
        for top in range(10, 190, 40)
        for left in range(10, 280, 54)
        for line in (0, 6)
    ]
    assert len(small_print_regions(pairs[:30], labels_of(WRITING))) == 15
    assert small_print_regions(pairs, labels_of(WRITING)) == []


def test_a_network_without_kinds_finds_no_small_print() -> None:
    assert small_print_regions([*WRITING, *PRINT], labels_of(WRITING, kinds=False)) == []


def test_small_print_is_low_print_inside_the_region() -> None:
    lines = [line(0, 100 * n, 500, 100 * n + 60, HANDWRITTEN) for n in range(5)]
    region = Box(0, 0, 400, 200)
    small = line(20, 20, 200, 40)
    others = [
        line(20, 20, 200, 70),
        line(20, 20, 200, 40, HANDWRITTEN),
        line(20, 20, 399, 40),
        line(2, 20, 200, 40),
    ]
    assert small_print_among([others[0], small, *others[1:]], region, lines) == [small]


def test_cores_of_small_print_are_left_out_and_longer_ones_are_cut() -> None:
    run_on = core(20, 280, 26, 2)
    small = [line(30, 35, 170, 65)]
    remaining = cores_beside([*WRITING, PRINT[0], PRINT[1], run_on], small, labels_of(WRITING))
    assert remaining[: len(WRITING)] == WRITING
    assert [one.left for one in remaining[len(WRITING) :]] == [85]
    assert remaining[-1].right == 280


def test_small_print_is_inserted_below_what_is_above_it_in_its_column() -> None:
    title, date, text = (
        line(0, 0, 300, 40),
        line(400, 60, 600, 100),
        line(0, 200, 600, 260),
    )
    small = [line(10, 60, 100, 70), line(10, 75, 100, 85), line(120, 60, 200, 70)]
    assert inserted(small, [title, date, text]) == [title, *small, date, text]


def test_small_print_above_all_lines_comes_before_those_of_its_column() -> None:
    first, second = line(0, 100, 300, 140), line(400, 100, 600, 140)
    above = line(420, 20, 500, 30)
    assert inserted([above], [first, second]) == [first, above, second]
    beside = line(310, 20, 390, 30)
    assert inserted([beside], [first, second]) == [first, second, beside]


def letter_with_letterhead() -> NDArray[np.uint8]:
    page, _ = written_page(["we met at the river", "and went on by night"] * 4, 2)
    sheet = Image.fromarray(np.pad(page, ((170, 0), (0, 0)), constant_values=250))
    font = ImageFont.load_default(13)
    for row in range(7):
        text = f"No. {row + 12} of the Society for Letters"
        ImageDraw.Draw(sheet).text((60, 40 + 16 * row), text, 40, font)
    return np.asarray(sheet)


def test_the_small_print_of_a_letterhead_is_found_line_by_line() -> None:
    page = letter_with_letterhead()
    found = segment_lines(page, Box(0, 0, page.shape[1], page.shape[0]))
    rows = [40 + 16 * row + 8 for row in range(7)]
    head = [one.box for one in found if one.box.bottom < 170]
    assert [sum(box.top < row < box.bottom for box in head) for row in rows] == [1] * 7
    assert len(head) == 7
    assert len(found) == 7 + 8
