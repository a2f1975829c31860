from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from htrlib.layout.parts import connected_parts

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12))


@given(masks)
def test_parts_make_up_the_mask_and_do_not_overlap(mask):
    covered = np.zeros(mask.shape, int)
    for part in connected_parts(mask):
        assert part.area == part.mask.sum() > 0
        covered[part.rows, part.columns] += part.mask
    np.testing.assert_array_equal(covered, mask)


@given(masks)
def test_pixels_that_touch_are_of_one_part(mask):
    numbers = np.zeros(mask.shape, int)
    for number, part in enumerate(connected_parts(mask), start=1):
        numbers[part.rows, part.columns][part.mask] = number
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        there = np.roll(numbers, shift, (0, 1))[1:, 1 : mask.shape[1] - 1]
        here = numbers[1:, 1 : mask.shape[1] - 1]
        both = (here > 0) & (there > 0)
        assert (here[both] == there[both]).all()


def test_diagonal_pixels_touch_and_others_come_in_reading_order():
    mask = np.array([[0, 0, 1, 0, 1], [0, 1, 0, 0, 0], [0, 0, 0, 0, 1]], bool)
    first, second, third = connected_parts(mask)
    assert (first.rows, first.columns, first.area) == (slice(0, 2), slice(1, 3), 2)
    assert (second.rows, second.columns) == (slice(0, 1), slice(4, 5))
    assert (third.rows, third.columns) == (slice(2, 3), slice(4, 5))


def test_an_empty_mask_has_no_parts():
    assert connected_parts(np.zeros((3, 3), bool)) == ()


@given(masks)
def test_parts_are_those_of_scipy(mask):
    ndimage = pytest.importorskip("scipy.ndimage")
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    parts = connected_parts(mask)
    assert [(part.rows, part.columns) for part in parts] == ndimage.find_objects(labels)
    for number, part in enumerate(parts, start=1):
        assert (part.mask == (labels[part.rows, part.columns] == number)).all()
