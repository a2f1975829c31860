from __future__ import annotations

import numpy as np
import pytest

from htrlib.layout.white_strips import pieces_between, white_strips

THICKNESS = 5.0
PITCH = 22


def two_columns(lines: int, gap: int, slope: float = 0.0) -> np.ndarray:
    """(H, W) ink of two columns of bars, `gap` pixels apart, tilted by `slope`."""
    ink = np.zeros((PITCH * lines + 40, 420), np.uint8)
    for number in range(lines):
        for left, right in ((10, 200), (200 + gap, 400)):
            for x in range(left, right):
                y = round(20 + PITCH * number + slope * x)
                ink[y : y + 10, round(x - slope * (y - 20))] = 220
    return ink


def strips_of(ink: np.ndarray, slope: float = 0.0) -> np.ndarray:
    return white_strips(ink, slope, THICKNESS)


def cut_at(ink: np.ndarray, row: int, slope: float = 0.0) -> list:
    """First and last column of each piece of a core across both columns."""
    columns = np.arange(10, 400)
    rows = np.round(row + 5 + slope * columns).astype(int)
    pieces = pieces_between(columns, rows, strips_of(ink, slope))
    return [(int(columns[p[0]]), int(columns[p[-1]])) for p in pieces]


def test_a_core_across_two_columns_is_cut_in_the_strip_between_them() -> None:
    one, other = cut_at(two_columns(16, 8), 20 + 3 * PITCH)
    assert one[0] == 10 and other[1] == 399
    assert 195 <= one[1] <= 208 and 200 <= other[0] <= 212


def test_a_core_across_two_short_pages_is_cut_where_the_strip_is_wider_than_word_spaces() -> None:
    assert len(cut_at(two_columns(8, 12), 20 + 3 * PITCH)) == 2


def test_sloping_columns_are_cut_too() -> None:
    assert len(cut_at(two_columns(16, 12, slope=0.05), 20 + 3 * PITCH, slope=0.05)) == 2


@pytest.mark.parametrize("lines, gap", [(3, 12), (8, 8), (16, 2)])
def test_a_gap_that_is_short_or_narrow_is_a_gap_between_words(lines: int, gap: int) -> None:
    page = two_columns(lines, gap)
    page[0, :] = page[-1, :] = 220  # else the paper above and below would lengthen the strip
    assert cut_at(page, 20 + PITCH) == [(10, 399)]


def test_faint_ink_closes_a_strip_where_all_ink_is_faint() -> None:
    page = two_columns(16, 8) // 4
    page[:, 200:208] = 30
    strips = white_strips(page, 0.0, THICKNESS)
    assert not strips[:, 200:208].any()


def test_faint_letters_beside_dark_ones_are_no_strip() -> None:
    page = two_columns(16, 8)
    page[:, 208:] //= 5
    assert not strips_of(page)[:, 215:390].any()
