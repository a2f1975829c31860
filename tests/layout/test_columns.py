from __future__ import annotations

from typing import List, Tuple

import numpy as np
import pytest

from htrlib.layout.columns import Spans, gutter_between, is_table

THICKNESS = 5.0
PITCH = 20.0

Piece = Tuple[float, float, float]


def spans(pieces: List[Piece]) -> Spans:
    """Of (left, right, row)."""
    left, right, row = (np.array(values, float) for values in zip(*pieces))
    return Spans(left, right, row, THICKNESS)


def column(left: float, right: float, lines: int, top: float = 0.0) -> List[Piece]:
    return [(left, right, top + PITCH * number) for number in range(lines)]


def test_two_blocks_beside_each_other_have_a_gutter() -> None:
    page = spans(column(0, 200, 6) + column(230, 430, 6, top=7))
    gutter = gutter_between(page, 2, 8)
    assert gutter is not None
    assert (gutter.left, gutter.right) == (200, 230)
    assert sorted(gutter.before) == list(range(6))
    assert sorted(gutter.after) == list(range(6, 12))


def test_a_gap_within_one_line_of_many_is_no_gutter() -> None:
    page = spans([*column(0, 430, 3), (0, 200, 60), (230, 430, 60), *column(0, 430, 3, top=80)])
    assert gutter_between(page, 3, 4) is None


def test_a_line_across_both_columns_ends_the_gutter() -> None:
    above = column(0, 200, 5) + column(230, 430, 5)
    page = spans([*above, (0, 430, 100), (0, 200, 120), (230, 430, 120)])
    gutter = gutter_between(page, 0, 5)
    assert gutter is not None
    assert sorted(gutter.before + gutter.after) == list(range(10))


def test_a_short_last_line_does_not_move_the_gutter_into_the_column() -> None:
    left = [*column(0, 200, 5), (0, 40, 100.0)]
    page = spans(left + column(230, 430, 6))
    gutter = gutter_between(page, 5, 11)
    assert gutter is not None
    assert gutter.left == 200


@pytest.mark.parametrize("width, lines, found", [(5, 5, False), (5, 9, True), (45, 3, True)])
def test_the_narrower_a_gutter_the_more_lines_keep_it_free(
    width: float, lines: int, found: bool
) -> None:
    page = spans(column(0, 200, lines) + column(200 + width, 400, lines))
    assert (gutter_between(page, 0, lines) is not None) == found


def test_blocks_one_below_the_other_have_no_gutter() -> None:
    page = spans(column(0, 200, 6) + column(240, 430, 6, top=6 * PITCH))
    assert gutter_between(page, 5, 6) is None


def test_short_pieces_at_the_same_heights_are_cells_of_a_table() -> None:
    names = [(0.0, 40.0 + 12 * (number % 5), PITCH * number) for number in range(8)]
    numbers = [(200.0, 225.0, PITCH * number) for number in range(8)]
    page = spans(names + numbers)
    gutter = gutter_between(page, 0, 8)
    assert gutter is not None
    assert is_table(page, gutter)


@pytest.mark.parametrize("shift", [0.0, 7.0])
def test_running_text_in_narrow_columns_is_no_table(shift: float) -> None:
    page = spans(column(0, 100, 8) + column(115, 215, 8, top=shift))
    gutter = gutter_between(page, 0, 8)
    assert gutter is not None
    assert not is_table(page, gutter)


def test_a_stray_mark_across_the_gutter_does_not_end_it() -> None:
    page = spans([*column(0, 200, 9), *column(230, 430, 9), (150, 240, 70)])
    gutter = gutter_between(page, 0, 9)
    assert gutter is not None
    assert (gutter.left, gutter.right) == (200, 230)
    assert 18 in gutter.before


def test_close_lines_of_a_newspaper_are_no_table_though_many_are_short() -> None:
    pitch = 3.2 * THICKNESS
    page = spans(
        [
            (left + 10 * (row % 3 > 0), left + width, pitch * row)
            for left in (0.0, 150.0)
            for row in range(18)
            for width in ([130.0, 95.0, 90.0, 50.0][row % 4],)
        ]
    )
    gutter = gutter_between(page, 0, 18)
    assert gutter is not None
    assert not is_table(page, gutter)


def test_wide_cells_of_distant_rows_are_cells_of_a_table() -> None:
    pitch = 7.0 * THICKNESS
    page = spans(
        [
            (left, left + width, pitch * row)
            for left, widths in ((0.0, (90, 180, 120)), (220.0, (60, 130, 125)))
            for row in range(12)
            for width in (widths[row % 3],)
        ]
    )
    gutter = gutter_between(page, 0, 12)
    assert gutter is not None
    assert is_table(page, gutter)


def ragged(left: float, pitch: float, lines: int, widths: Tuple[float, ...]) -> List[Piece]:
    return [(left, left + widths[row % len(widths)], pitch * row) for row in range(lines)]


def test_facing_pages_are_no_table_though_their_lines_are_ragged_and_at_the_same_heights() -> None:
    page = ragged(0, 21.0, 12, (90, 180, 110)) + ragged(220, 21.0, 12, (95, 180, 105))
    gutter = gutter_between(spans(page), 0, 12)
    assert gutter is not None
    assert not is_table(spans(page), gutter)


@pytest.mark.parametrize("width, lines, found", [(200, 8, True), (200, 6, False), (90, 8, False)])
def test_long_lines_have_a_gutter_that_is_hardly_wider_than_a_stroke(
    width: float, lines: int, found: bool
) -> None:
    page = spans(column(0, width, lines) + column(width + 2, 2 * width, lines))
    assert (gutter_between(page, 0, lines) is not None) == found


def test_such_a_gutter_separates_nearly_all_lines_of_a_page() -> None:
    below = column(0, 402, 8, top=8 * PITCH)
    page = spans(column(0, 200, 8) + column(202, 402, 8) + below)
    assert gutter_between(page, 0, 8) is None


def test_long_cells_beside_several_others_are_cells_of_a_table() -> None:
    pitch = 7.0 * THICKNESS
    page = spans(
        [
            (left, left + width, pitch * row)
            for left, width in ((0.0, 160.0), (170.0, 150.0), (330.0, 140.0))
            for row in range(12)
        ]
    )
    gutter = gutter_between(page, 0, 12)
    assert gutter is not None
    assert is_table(page, gutter)


def test_close_rows_of_several_cells_are_no_facing_pages_though_some_cells_are_long() -> None:
    widths = ((0.0, (200, 150)), (220.0, (60, 40)), (300.0, (160, 60)))
    pieces = [piece for left, some in widths for piece in ragged(left, 21.0, 12, some)]
    gutter = gutter_between(spans(pieces), 0, 12)
    assert gutter is not None
    assert is_table(spans(pieces), gutter)
