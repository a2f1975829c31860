from __future__ import annotations

from typing import List, Tuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from htrlib.document.geometry import Box
from htrlib.document.results import TextLine
from htrlib.layout.columns import Spans
from htrlib.layout.reading_order import place_of_block, reading_order

PITCH = 20.0

Piece = Tuple[float, float, float]


def order(pieces: List[Piece]) -> List[int]:
    """The reading order of (left, right, row)."""
    left, right, row = (np.array(values, float) for values in zip(*pieces))
    return reading_order(Spans(left, right, row, 5.0))


def column(left: float, right: float, lines: int, top: float = 0.0) -> List[Piece]:
    return [(left, right, top + PITCH * number) for number in range(lines)]


def test_columns_are_read_one_after_the_other() -> None:
    page = column(0, 200, 9) + column(230, 430, 7)
    assert order(page) == list(range(16))


def test_columns_whose_lines_stand_at_other_heights_are_read_one_after_the_other() -> None:
    page = column(0, 200, 9) + column(230, 430, 9, top=9) + column(460, 660, 9, top=3)
    assert order(page) == list(range(27))


def test_a_heading_across_the_columns_comes_between_what_is_above_and_below() -> None:
    above = column(0, 200, 5) + column(230, 430, 5)
    below = column(0, 200, 5, top=140) + column(230, 430, 5, top=140)
    page = [*above, (60, 370, 115), *below]
    assert order(page) == list(range(21))


def test_a_date_on_the_right_comes_before_the_greeting_below_it() -> None:
    page = [(300.0, 430.0, 0.0), (0.0, 120.0, 25.0), *column(0, 430, 6, top=50)]
    assert order(page) == list(range(8))


def test_pieces_of_one_row_are_read_from_left_to_right() -> None:
    page = [*column(0, 430, 3), (0.0, 150.0, 60.0), (260.0, 430.0, 61.0), *column(0, 430, 3, 80)]
    assert order(page) == list(range(8))


def test_a_table_is_read_row_by_row() -> None:
    page = [
        (left, left + width + 9 * (row % 3), PITCH * row)
        for row in range(8)
        for left, width in ((0.0, 45.0), (120.0, 30.0), (240.0, 20.0))
    ]
    assert order(page) == list(range(24))


def test_notes_in_the_margin_do_not_cut_the_text_in_pieces() -> None:
    notes = column(0, 80, 4, top=60)
    page = notes + column(120, 430, 12)
    assert order(page) == list(range(16))


def test_a_wide_gap_in_a_heading_of_the_right_page_leaves_the_lines_above_it_in_order() -> None:
    left = [(42.0, 370.0, 17.0 * number) for number in range(27)]
    letter = [*((453.0, 659.0, 78.0 + 12 * number) for number in range(4)), (452.0, 514.0, 125.0)]
    heading = [(462.0, 512.0, 226.0), (554.0, 580.0, 226.0)]
    page = left + letter + heading + column(555, 662, 3, top=337)
    assert order(page) == list(range(len(page)))


def test_a_second_block_far_below_comes_last() -> None:
    page = column(0, 430, 5) + column(0, 300, 4, top=900)
    assert order(page) == list(range(9))


def test_nothing_has_no_order() -> None:
    assert reading_order(Spans(np.zeros(0), np.zeros(0), np.zeros(0), 5.0)) == []


@given(
    st.lists(
        st.tuples(st.floats(0, 500), st.floats(5, 300), st.floats(0, 500))
        | st.tuples(st.sampled_from([0.0, 40.0]), st.sampled_from([1.0, 3.0]), st.floats(0, 30)),
        min_size=1,
        max_size=25,
    )
)
def test_every_piece_is_read_once(pieces: List[Piece]) -> None:
    found = order([(left, left + width, row) for left, width, row in pieces])
    assert sorted(found) == list(range(len(pieces)))


def test_short_pieces_that_begin_at_the_same_place_are_read_once() -> None:
    pieces = [(50.0, 53.0, 100.0), (50.0, 53.0, 102.0), (60.0, 90.0, 100.0)]
    assert sorted(order(pieces)) == [0, 1, 2]
    assert sorted(order([*column(0, 200, 6), *pieces, *column(230, 430, 6)])) == list(range(15))


def test_a_mark_that_enters_the_next_column_is_read_with_its_own() -> None:
    page = [*column(0, 200, 9), *column(230, 430, 9), (120.0, 240.0, 85.0)]
    read = order(page)
    assert read.index(18) < 9
    assert [index for index in read if index != 18] == list(range(18))


def level(left: float, right: float, top: float) -> TextLine:
    return TextLine(Box(left, top, right, top + 15))


LETTER = [level(100, 400, PITCH * row) for row in range(10)]


@pytest.mark.parametrize(
    ("block", "place"),
    [
        (Box(60, 0, 80, 190), 10),  # beside all lines
        (Box(420, 20, 440, 60), 10),  # beside some of them: after the block
        (Box(100, -90, 400, -10), 0),  # above
        (Box(100, 240, 400, 300), 10),  # below
    ],
)
def test_a_turned_block_follows_the_lines_beside_it_and_those_above(block: Box, place: int) -> None:
    assert place_of_block(LETTER, block) == place


def test_a_turned_block_beside_the_left_page_comes_before_the_right_page() -> None:
    right = [level(500, 800, PITCH * row) for row in range(10)]
    assert place_of_block([*LETTER, *right], Box(60, 0, 80, 190)) == 10
    assert place_of_block([*LETTER, *right], Box(820, 0, 840, 190)) == 20


def test_a_turned_block_comes_before_a_paragraph_far_below() -> None:
    below = [level(100, 400, 300 + PITCH * row) for row in range(5)]
    assert place_of_block([*LETTER, *below], Box(60, 0, 80, 150)) == 10
