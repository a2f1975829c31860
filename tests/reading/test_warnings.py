from __future__ import annotations

from typing import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from htrlib.document.geometry import Box, Size
from htrlib.document.results import LineResult, PageResult, TextLine, Transcription, Word
from htrlib.images.orientation import PageTransform
from htrlib.reading.warnings import (
    NOTHING_FOUND,
    omission_warnings,
    page_warnings,
    turn_warnings,
    unread_share,
)

WIDTH, HEIGHT = 400, 600


def written_page(rows: Sequence[int]) -> np.ndarray:
    """A page with strokes of 20 pixels on these rows."""
    page = np.full((HEIGHT, WIDTH), 230, dtype=np.uint8)
    for top in rows:
        page[top : top + 20, 40:360:6] = 30
    return page


def line(top: float, height: float = 24.0, confidence: float = 0.9) -> LineResult:
    word = Word("word", confidence, 0, 4)
    place = TextLine(Box(40, top, 360, top + height))
    return LineResult(place, Transcription("word", -1.0, confidence, (word,)))


def result(*lines: LineResult, width: int = WIDTH, height: int = HEIGHT) -> PageResult:
    return PageResult(Size(width, height), Box(0, 0, 50, 50) if lines else None, lines)


ROWS = range(40, 520, 60)


def test_a_page_that_is_read_well_warns_of_nothing():
    assert page_warnings(written_page(ROWS), result(*map(line, ROWS))) == ()


def test_an_empty_result_is_told():
    assert page_warnings(written_page([]), result()) == (NOTHING_FOUND,)


def test_a_paragraph_is_enough_where_no_more_was_asked_for():
    page = written_page(ROWS)
    found = PageResult(Size(WIDTH, HEIGHT), Box(0, 0, 50, 50))
    assert page_warnings(page, found, "paragraph") == ()
    assert page_warnings(page, result(), "paragraph") == (NOTHING_FOUND,)
    assert page_warnings(page, found, "lines") == (NOTHING_FOUND,)


def test_a_small_picture_without_a_result_is_told():
    page = np.full((40, 90), 230, dtype=np.uint8)
    told = page_warnings(page, result(width=90, height=40))
    assert told[0] == NOTHING_FOUND
    assert "90 x 40 pixels" in told[1]


def test_small_writing_is_told():
    small = [line(row, height=8) for row in ROWS]
    (told,) = page_warnings(written_page([]), result(*small))
    assert "lines of 8 pixels" in told


def test_a_page_of_which_most_is_unread_is_told():
    page = written_page(ROWS)
    (told,) = page_warnings(page, result(*map(line, ROWS[:2])))
    assert "was not read" in told
    assert page_warnings(page, result(*map(line, ROWS[:6]))) == ()


def test_a_dark_edge_is_no_unread_writing():
    page = written_page(ROWS)
    page[:, 370:] = 20
    page[560:] = 15
    assert page_warnings(page, result(*map(line, ROWS))) == ()


def test_poor_confidence_is_told_of_texts_alone():
    doubtful = [line(row, confidence=0.3) for row in ROWS]
    (told,) = page_warnings(written_page(ROWS), result(*doubtful))
    assert "30% of its words are right" in told
    assert page_warnings(written_page(ROWS), result(*doubtful), "lines") == ()


@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 255))
def test_any_page_has_a_share(height, width, grey):
    page = np.full((height, width), grey, dtype=np.uint8)
    assert unread_share(page, ()) == 0.0


@pytest.mark.parametrize("scale", [1, 4])
def test_the_share_does_not_hang_on_the_resolution(scale):
    page = np.kron(written_page(ROWS), np.ones((scale, scale), dtype=np.uint8))
    kept = [
        LineResult(
            TextLine(Box(40 * scale, top * scale, 360 * scale, (top + 24) * scale)),
            Transcription("", 0.0, 0.0),
        )
        for top in ROWS[::2]
    ]
    assert unread_share(page, kept) == pytest.approx(0.5, abs=0.1)


def test_a_page_that_had_to_be_turned_is_told():
    size = Size(WIDTH, HEIGHT)
    assert turn_warnings(PageTransform(size, tilt=2.0)) == ()
    turned = PageTransform(size, inverted=True, quarter_turns=3, tilt=-12.0)
    inverted, quarter, tilted = turn_warnings(turned)
    assert "light on dark" in inverted
    assert "270 degrees" in quarter
    assert "tilted by 12 degrees" in tilted


def test_lines_left_out_are_counted() -> None:
    assert omission_warnings(0) == ()
    assert omission_warnings(1)[0].startswith("left out a line that is hardly readable")
    assert omission_warnings(3)[0].startswith("left out 3 lines that are hardly readable")
