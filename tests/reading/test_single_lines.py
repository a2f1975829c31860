from __future__ import annotations

from pathlib import Path
from typing import Tuple

import numpy as np
import pytest
from numpy.typing import NDArray

from htrlib.document.charset import Charset
from htrlib.document.geometry import Box, Polygon
from htrlib.document.kinds import HANDWRITTEN
from htrlib.document.results import LogProbs, TextLine
from htrlib.images.loading import load_image
from htrlib.reading.pipeline import Pipeline
from htrlib.reading.single_lines import (
    cuts_of_line,
    cuts_of_picture,
    cuts_of_word,
    margin_of,
    surest,
)

CHARSET = Charset.from_text("ab")
FOUND = TextLine(
    Box(30, 46, 90, 100),
    Polygon(((30, 46), (90, 46), (90, 100))),
    ((30, 95), (90, 95)),
    kind=HANDWRITTEN,
)


def word(height: int = 128, width: int = 128) -> NDArray[np.uint8]:
    """A picture with a block of ink from 30 to 90 across and 30 to 88 down."""
    page = np.full((height, width), 240, np.uint8)
    page[30:88, 30:90:4] = 20
    page[30:88:20, 30:90] = 20
    return page


def test_a_word_is_cut_as_found_whole_and_around_its_ink() -> None:
    found, whole, tight = cuts_of_word(word(), (FOUND,))
    assert found is FOUND
    assert whole.box == Box(0, 0, 128, 128)
    assert tight.box.left < 30 and tight.box.top < 30
    assert tight.box.right > 90 and tight.box.bottom > 81
    for cut in (whole, tight):
        assert (cut.kind, cut.polygon, cut.baseline) == (HANDWRITTEN, None, None)


def test_pages_and_pictures_of_several_lines_are_no_words() -> None:
    assert cuts_of_word(word(), (FOUND, FOUND)) == ()
    assert cuts_of_word(word(), ()) == ()
    assert cuts_of_word(word(height=600), (FOUND,)) == ()
    assert cuts_of_word(word(height=128, width=1200), (FOUND,)) == ()
    line = np.full((100, 900), 240, np.uint8)
    line[30:70:3, 20:880] = 20
    assert cuts_of_word(line, (FOUND,)) == ()


def test_a_line_is_the_largest_one_found_or_the_whole_picture() -> None:
    small = TextLine(Box(0, 0, 10, 10))
    found, whole = cuts_of_line(word(), (small, FOUND))
    assert found is FOUND
    assert whole.box == Box(0, 0, 128, 128)
    (alone,) = cuts_of_line(word(), ())
    assert alone.box == Box(0, 0, 128, 128)


def test_the_surest_cut_counts() -> None:
    sure, doubtful = (
        LogProbs(np.log([[p, (1 - p) / 2, (1 - p) / 2]]).astype(np.float32), CHARSET)
        for p in (0.9, 0.6)
    )
    other = TextLine(Box(0, 0, 128, 128))
    assert surest((FOUND, other), (doubtful, sure)) == ((other,), (sure,))
    assert surest((FOUND, other), (sure, doubtful)) == ((FOUND,), (sure,))


def strip(height: int = 60, width: int = 500) -> NDArray[np.uint8]:
    return np.full((height, width), 240, np.uint8)


def rows(*spans: Tuple[float, float], width: float = 480) -> Tuple[TextLine, ...]:
    return tuple(TextLine(Box(10, top, width, bottom)) for top, bottom in spans)


def test_a_strip_with_one_line_in_its_middle_has_no_second() -> None:
    lines = rows((0, 9), (14, 46), (51, 60))
    found, whole = cuts_of_picture(strip(), lines, single=False)
    assert found is lines[1]
    assert whole.box == Box(0, 0, 500, 60)


def test_a_long_strip_is_one_line_wherever_it_was_found() -> None:
    lines = rows((0, 20), (20, 40))
    assert len(cuts_of_picture(strip(40), lines, single=False)) == 2


def test_two_and_three_lines_are_no_single_line() -> None:
    for spans in (((5, 45), (55, 95)), ((2, 32), (35, 65), (68, 98))):
        assert cuts_of_picture(strip(100), rows(*spans), single=False) == ()
        assert len(cuts_of_picture(strip(100), rows(*spans), single=True)) == 2
    assert cuts_of_picture(strip(), (), single=False) == ()


def test_half_a_neighbor_is_not_taken_for_the_line_in_the_middle() -> None:
    lines = rows((0, 33), (23, 56), width=500)
    found, _ = cuts_of_picture(strip(60), lines, single=True)
    assert found is lines[1]


def test_pictures_of_lines_get_paper_around_them_and_pages_do_not() -> None:
    assert margin_of(strip(60), single=False) == 18
    assert margin_of(strip(60).T, single=False) == 18
    assert margin_of(strip(300), single=False) == 0
    assert margin_of(strip(300), single=True) == 90
    _, whole = cuts_of_picture(strip(96, 536), rows((23, 66)), single=True, margin=18)
    assert whole.box == Box(18, 18, 518, 78)


def placed(*lines: Tuple[float, float, float], height: int = 80) -> Tuple[TextLine, ...]:
    """Lines by top, bottom and baseline, in heights of a strip without margin."""
    return tuple(
        TextLine(
            Box(10, top * height, 480, bottom * height),
            baseline=((10, base * height), (480, base * height)),
        )
        for top, bottom, base in lines
    )


# As found on pictures of lines and pairs of lines, cut from pages in a few modern hands.
TWO_LINES = [
    ((0.07, 0.57, 0.39), (0.50, 0.95, 0.79)),
    ((-0.13, 0.52, 0.26), (0.22, 0.93, 0.64), (0.66, 1.08, 0.96)),
    ((-0.11, 0.13, 0.05), (0.08, 0.52, 0.36), (0.42, 0.89, 0.70), (0.80, 1.08, 1.00)),
    ((0.01, 0.65, 0.40), (0.44, 1.01, 0.80)),
]
ONE_LINE = [  # the complete one, and all
    (0, ((0.11, 0.87, 0.58), (0.77, 1.09, 1.00))),
    (0, ((-0.22, 0.75, 0.39), (0.27, 1.16, 0.84))),
    (1, ((-0.17, 0.33, 0.12), (0.09, 0.82, 0.52), (0.55, 1.08, 0.95))),
    (0, ((0.00, 0.61, 0.41), (0.69, 1.12, 1.00))),
]


@pytest.mark.parametrize("lines", TWO_LINES)
def test_two_full_lines_are_both_kept(lines: Tuple[Tuple[float, float, float], ...]) -> None:
    assert cuts_of_picture(strip(80), placed(*lines), single=False) == ()


@pytest.mark.parametrize(("index", "places"), ONE_LINE)
def test_neighbors_that_the_edges_cut_are_left_out(
    index: int, places: Tuple[Tuple[float, float, float], ...]
) -> None:
    lines = placed(*places)
    found, _ = cuts_of_picture(strip(80), lines, single=False)
    assert found is lines[index]


def test_a_short_line_counts_before_a_long_neighbor_that_is_cut_off() -> None:
    neighbor, line = placed((-0.27, 0.58, 0.18), (0.36, 0.84, 0.69))
    short = TextLine(Box(10, line.box.top, 70, line.box.bottom), baseline=line.baseline)
    for single in (True, False):
        assert cuts_of_picture(strip(80), (neighbor, short), single=single)[0] is short


LETTER = Path(__file__).parents[2] / "examples" / "data" / "letter.png"


@pytest.mark.parametrize(
    ("rows", "begins"),
    [
        ((330, 505), ("the ferry left", "grey morning")),
        ((585, 762), ("what was in it", "gulls quarrelled")),
        ((930, 1094), ("The house is", "Two windows are")),
        ((575, 690), ("what was in it",)),  # with feet and heads of its neighbors
        ((918, 1030), ("The house is",)),
    ],
)
def test_as_many_lines_are_read_as_a_picture_shows_in_full(
    default_bundle: str, rows: Tuple[int, int], begins: Tuple[str, ...]
) -> None:
    crop = np.ascontiguousarray(load_image(LETTER)[slice(*rows), 105:1195])
    found = Pipeline().transcribe_page(crop).lines
    assert len(found) == len(begins)
    for line, start in zip(found, begins):
        assert line.text.startswith(start)
