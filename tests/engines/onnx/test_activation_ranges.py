from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

from htrlib.engines.onnx.activation_ranges import Histogram, activation_ranges

VALUES = arrays.arrays(
    np.float32, st.integers(1, 60), elements=st.floats(-1e4, 1e4, width=32).filter(np.isfinite)
)


def histogram(*many: Any) -> Histogram:
    counted = Histogram()
    for values in many:
        counted.add(np.asarray(values, np.float32))
    return counted


@settings(max_examples=50, deadline=None)
@given(VALUES, VALUES)
def test_ranges_contain_zero_and_do_not_exceed_the_values(one: Any, other: Any) -> None:
    counted = histogram(one, other)
    assert counted.counts.sum() == np.count_nonzero(one) + np.count_nonzero(other)
    low, high = counted.range_of_least_error()
    width = counted.limit / 4096
    assert min(one.min(), other.min(), 0) - width <= low <= 0
    assert 0 <= high <= max(one.max(), other.max(), 0) + width


def test_a_rare_large_value_is_clipped_and_a_frequent_one_is_not() -> None:
    usual = np.linspace(-1, 2, 1_000_000)
    low, high = histogram(usual, [8.0]).range_of_least_error()
    assert low == pytest.approx(-1, abs=0.05) and 2 < high < 4
    low, high = histogram(usual, np.full(500_000, 8.0)).range_of_least_error()
    assert high == pytest.approx(8, abs=0.2)


def test_zeros_alone_have_an_empty_range() -> None:
    assert histogram(np.zeros(5), []).range_of_least_error() == (0.0, 0.0)


def test_what_a_sum_before_a_relu_cannot_show_is_out_of_range() -> None:
    onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    ones = onnx.numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "ones")
    nodes = [
        helper.make_node("Conv", ["a", "ones"], ["one"]),
        helper.make_node("Conv", ["b", "ones"], ["two"]),
        helper.make_node("Transpose", ["two"], ["moved"], perm=(0, 1, 3, 2)),
        helper.make_node("Add", ["one", "moved"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["result"]),
    ]
    shape = (1, 1, 1, 401)
    places = {"a": shape, "b": (1, 1, 401, 1)}
    graph = helper.make_graph(
        nodes,
        "sums",
        [helper.make_tensor_value_info(name, floats, size) for name, size in places.items()],
        [helper.make_tensor_value_info("result", floats, shape)],
        [ones],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    model = onnx.shape_inference.infer_shapes(model)
    inputs = {
        "a": np.linspace(-8, 2, 401, dtype=np.float32).reshape(shape),
        "b": np.linspace(-1, 4, 401, dtype=np.float32).reshape(places["b"]),
    }
    ranges = activation_ranges(model, [inputs])
    assert ranges["one"] == pytest.approx((-4, 2), abs=0.1)
    assert ranges["two"] == pytest.approx((-1, 4), abs=0.1)
    assert set(ranges) == {"one", "two", "sum"}
