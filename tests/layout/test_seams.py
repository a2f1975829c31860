from __future__ import annotations

from typing import List, Tuple

import numpy as np
import pytest
from numpy.typing import NDArray

from htrlib.layout.seams import Seams

WIDTH = 120
Core = Tuple[NDArray[np.float64], NDArray[np.float64]]


def core(upper: float, lower: float) -> Core:
    return np.full(WIDTH, upper), np.full(WIDTH, lower)


def blank() -> NDArray[np.uint8]:
    return np.zeros((140, WIDTH), np.uint8)


def limits(
    ink: NDArray[np.uint8], cores: List[Core], extents: List[Tuple[int, int]]
) -> List[Tuple[NDArray[np.float64], NDArray[np.float64]]]:
    seams = Seams(ink, cores, extents)
    return [seams.limits(index) for index in range(len(cores))]


def test_without_ink_a_seam_runs_in_the_middle() -> None:
    (_, floor), (ceiling, _) = limits(blank(), [core(20, 30), core(60, 70)], [(0, WIDTH)] * 2)
    np.testing.assert_array_equal(floor, ceiling)
    np.testing.assert_allclose(floor, 45, atol=1.5)


def test_a_seam_goes_around_a_loop_of_the_upper_line() -> None:
    ink = blank()
    ink[30:56, 50:53] = 255  # a loop that hangs down to just above the lower line
    ink[30:56, 66:69] = 255
    ink[53:56, 50:69] = 255
    (_, floor), _ = limits(ink, [core(20, 30), core(60, 70)], [(0, WIDTH)] * 2)
    assert (floor[50:69] >= 55.5).all()
    np.testing.assert_allclose(floor[[0, -1]], 45, atol=1.5)


def test_a_seam_crosses_a_stroke_that_touches_both_lines_once_at_its_thinnest() -> None:
    ink = blank()
    ink[30:60, 50:62] = 255
    ink[40:43, 50:59] = 0  # only three columns wide at these heights
    (_, floor), _ = limits(ink, [core(20, 30), core(60, 70)], [(0, WIDTH)] * 2)
    crossed = ink[np.rint(floor).astype(int), np.arange(WIDTH)] > 0
    assert crossed.sum() <= 4


def test_lines_with_no_common_column_do_not_limit_each_other() -> None:
    found = limits(blank(), [core(20, 30), core(60, 70)], [(0, 50), (60, WIDTH)])
    assert all(np.isinf(edge).all() for line in found for edge in line)


def test_the_outermost_lines_reach_as_far_as_they_like() -> None:
    cores = [core(20, 30), core(60, 70), core(100, 110)]
    found = limits(blank(), cores, [(0, WIDTH)] * 3)
    assert np.isneginf(found[0][0]).all()
    assert np.isposinf(found[2][1]).all()
    assert np.isfinite(found[1]).all()


def test_a_line_above_two_half_lines_is_limited_by_both() -> None:
    cores = [core(20, 30), core(60, 70), core(64, 74)]
    (_, floor), (left_ceiling, _), (right_ceiling, _) = limits(
        blank(), cores, [(0, WIDTH), (0, 50), (70, WIDTH)]
    )
    np.testing.assert_allclose(floor[:50], 45, atol=2)
    np.testing.assert_allclose(floor[70:], 47, atol=2)
    np.testing.assert_allclose(left_ceiling[:50], 45, atol=2)
    np.testing.assert_allclose(right_ceiling[70:], 47, atol=2)


def test_the_line_beyond_the_next_does_not_limit() -> None:
    cores = [core(20, 30), core(60, 70), core(100, 110)]
    (_, floor), _, _ = limits(blank(), cores, [(0, WIDTH), (0, WIDTH), (0, WIDTH)])
    assert (floor < 60).all()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_the_order_of_lines_does_not_matter(order: Tuple[int, ...]) -> None:
    ink = (np.random.default_rng(3).random((140, WIDTH)) < 0.1).astype(np.uint8) * 255
    cores = [core(20, 30), core(60, 70), core(100, 110)]
    extents = [(0, 90), (10, WIDTH), (0, WIDTH)]
    straight = limits(ink, cores, extents)
    shuffled = limits(ink, [cores[i] for i in order], [extents[i] for i in order])
    for at, index in enumerate(order):
        np.testing.assert_array_equal(shuffled[at], straight[index])


def test_cores_that_cross_still_give_finite_seams() -> None:
    found = limits(blank(), [core(20, 50), core(40, 60)], [(0, WIDTH)] * 2)
    assert np.isfinite(found[0][1]).all()
