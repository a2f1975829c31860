from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from htrlib.images.filters import (
    extended,
    gray_percentile,
    long_runs,
    maximum_filter,
    mean_filter,
    median,
    median_filter,
    percentile_filter,
    percentiles,
    ranked,
    running_maximum,
    upper_percentile,
)

ndimage = pytest.importorskip("scipy.ndimage")

bytes_1d = arrays(np.uint8, st.integers(1, 30))
bytes_2d = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=12))
masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12))


@given(arrays(np.int16, array_shapes(min_dims=2, max_dims=3, max_side=30)), st.data())
def test_ranks_are_those_of_sorted_values(values, data):
    ranks = data.draw(st.lists(st.integers(0, len(values) - 1), min_size=1, max_size=3))
    expected = np.sort(values, axis=0)[ranks]
    np.testing.assert_array_equal(ranked(values.copy(), ranks), expected)


@given(st.one_of(bytes_1d, bytes_2d), st.floats(0, 100))
def test_a_percentile_of_grays_is_that_of_numpy(values, percent):
    assert gray_percentile(values, percent) == pytest.approx(np.percentile(values, percent))


@given(bytes_2d, st.data())
def test_running_maxima_are_those_of_all_windows(values, data):
    size = data.draw(st.integers(1, values.shape[1]))
    windows = np.lib.stride_tricks.sliding_window_view(values, size, axis=1)
    np.testing.assert_array_equal(running_maximum(values, size), windows.max(axis=-1))


@given(bytes_2d, st.lists(st.floats(0, 100), min_size=1, max_size=3))
def test_percentiles_are_those_of_numpy(values, percents):
    np.testing.assert_allclose(
        percentiles(values, percents), np.percentile(values, percents, axis=-1), atol=1e-9
    )


@given(bytes_2d, st.floats(0, 100), st.floats(0, 255))
def test_an_upper_percentile_is_no_lower_than_asked(values, percent, least):
    expected = max(least, float(np.percentile(values, percent)))
    assert upper_percentile(values, percent, least) == pytest.approx(expected)


@given(
    st.one_of(bytes_1d, st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30).map(np.array)),
)
def test_a_median_is_that_of_numpy(values):
    assert median(values) == float(np.median(values))


@given(
    st.one_of(bytes_1d, bytes_2d),
    st.integers(0, 15),
    st.integers(0, 15),
    st.sampled_from(("edge", "symmetric", "zero")),
)
def test_values_are_extended_as_by_numpy(values, before, after, mode):
    ends = [(0, 0)] * (values.ndim - 1) + [(before, after)]
    expected = np.pad(values, ends, mode="constant" if mode == "zero" else mode)
    np.testing.assert_array_equal(extended(values, before, after, mode), expected)


@given(bytes_1d, st.integers(1, 9))
def test_means_and_maxima_are_those_of_scipy(values, size):
    floats = values.astype(np.float64)
    for mode, name in (("edge", "nearest"), ("symmetric", "reflect")):
        np.testing.assert_allclose(
            mean_filter(floats, size, mode), ndimage.uniform_filter1d(floats, size, mode=name)
        )
        np.testing.assert_array_equal(
            maximum_filter(floats, size, mode), ndimage.maximum_filter1d(floats, size, mode=name)
        )


@given(bytes_2d, st.sampled_from((1, 3, 19)))
def test_median_filters_are_those_of_scipy(values, size):
    expected = ndimage.median_filter(values, (1, size), mode="nearest")
    np.testing.assert_array_equal(median_filter(values, size), expected)


@given(st.one_of(bytes_1d, bytes_2d), st.sampled_from((50, 70, 75)), st.integers(1, 8))
def test_percentile_filters_are_those_of_scipy(values, percent, size):
    np.testing.assert_array_equal(
        percentile_filter(values, percent, size),
        ndimage.percentile_filter(values, percent, size=size, mode="nearest"),
    )


@given(masks, st.integers(1, 14))
def test_long_runs_are_what_an_opening_leaves(mask, length):
    np.testing.assert_array_equal(
        long_runs(mask, length), ndimage.binary_opening(mask, np.ones((1, length)))
    )
