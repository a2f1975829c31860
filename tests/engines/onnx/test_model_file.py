from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from htrlib.engines.onnx.model_file import OPSET, Graph

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")


def example() -> Graph:
    graph = Graph("example")
    x = graph.input("x", "float32", ("n", 3))
    y = graph.node("Add", x, graph.constant(np.array([[1, 2, 3]], np.float32)))
    y = graph.node("LeakyRelu", y, alpha=0.25)
    graph.node("Transpose", y, output="y", perm=(1, 0))
    graph.output("y", "float32", (3, "n"))
    return graph


def test_the_onnx_package_accepts_the_file() -> None:
    model = onnx.load_from_string(example().model())
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == ["Add", "LeakyRelu", "Transpose"]
    assert model.opset_import[0].version == OPSET
    (dimension, three) = model.graph.input[0].type.tensor_type.shape.dim
    assert dimension.dim_param == "n" and three.dim_value == 3


def test_onnx_runtime_computes_what_the_graph_says() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(example().model(), providers=["CPUExecutionProvider"])
    x = np.array([[-5, 0, 5]], np.float32)
    (y,) = session.run(None, {"x": x})
    np.testing.assert_allclose(y, [[-1.0], [2.0], [8.0]])


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8", "int32", "int64"])
def test_constants_come_back_with_type_and_shape(dtype: str) -> None:
    array = np.arange(24).reshape(2, 3, 4)[:, ::-1].astype(dtype)
    graph = Graph("constants")
    name = graph.constant(array)
    (tensor,) = onnx.load_from_string(graph.model()).graph.initializer
    assert tensor.name == name
    found = onnx.numpy_helper.to_array(tensor)
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@given(
    st.one_of(
        st.integers(-(2**63), 2**63 - 1),
        st.floats(width=32, allow_nan=False),
        st.text(min_size=1),
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1),
        st.lists(st.text(), min_size=1),
    )
)
def test_attributes_come_back(value: object) -> None:
    graph = Graph("attributes")
    graph.node("Anything", attribute=value)  # type: ignore[arg-type]
    (attribute,) = onnx.load_from_string(graph.model()).graph.node[0].attribute
    found = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, str):
        found = found.decode("utf-8")
    elif isinstance(value, list):
        found = [one.decode("utf-8") if isinstance(one, bytes) else one for one in found]
    assert found == value
