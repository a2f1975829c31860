from __future__ import annotations

import builtins
import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, List

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htrlib.errors import BundleError, BundleMismatchError, DeviceError

pytest.importorskip("onnxruntime")
engine_module = importlib.import_module("htrlib.engines.onnx.engine")
OnnxEngine = engine_module.OnnxEngine


def ink(width: int, height: int = 32) -> Any:
    return np.random.default_rng(width).integers(0, 256, (height, width)).astype(np.uint8)


@pytest.fixture(scope="module")
def engine(random_networks: Any) -> Any:
    return OnnxEngine(random_networks, "cpu", "float32")


@pytest.fixture(scope="module")
def reference(random_networks: Any) -> Any:
    from htrlib.engines.mxnet.engine import MxnetEngine

    return MxnetEngine(random_networks, "cpu")


@settings(max_examples=15)
@given(widths=st.lists(st.integers(1, 300), max_size=5))
def test_lines_say_what_mxnet_says(engine: Any, reference: Any, widths: List[int]) -> None:
    lines = [ink(width) for width in widths]
    found = engine.read_lines(lines)
    assert [len(logits) for logits in found] == [-(-width // 4) for width in widths]
    for logits, expected in zip(found, reference.read_lines(lines)):
        np.testing.assert_allclose(logits, expected, atol=1e-4)


@settings(max_examples=15)
@given(widths=st.lists(st.integers(1, 300), min_size=1, max_size=6), batch=st.integers(1, 4))
def test_what_a_line_says_does_not_depend_on_its_company(
    random_networks: Any, engine: Any, widths: List[int], batch: int
) -> None:
    together = OnnxEngine(random_networks, "cpu", "float32")
    together._sessions = engine._sessions
    together._batch = batch  # as on a GPU
    lines = [ink(width) for width in widths]
    for line, said in zip(lines, together.read_lines(lines)):
        (alone,) = engine.read_lines([line])
        np.testing.assert_allclose(said, alone, atol=1e-5)


@pytest.mark.parametrize("network", ["paragraph", "line-segmentation"])
@pytest.mark.parametrize("shape", [(64, 192), (128, 64)])
def test_labelers_say_what_mxnet_says(
    engine: Any, reference: Any, network: str, shape: Any
) -> None:
    page = ink(shape[1], shape[0])
    expected = reference.label_pixels(network, page)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(engine.label_pixels(network, page), expected, atol=1e-4)


def test_the_word_detector_says_what_mxnets_says(engine: Any, reference: Any) -> None:
    page = ink(192, 128)
    for found, expected in zip(engine.find_words(page), reference.find_words(page)):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_an_engine_is_named_after_the_precision_that_was_asked_for(random_networks: Any) -> None:
    assert OnnxEngine(random_networks, "cpu").name == "onnx"
    assert OnnxEngine(random_networks, "cpu", "float32").name == "onnx-float32"
    assert OnnxEngine(random_networks, "cpu").precision == "int8"


def test_networks_without_an_int8_graph_are_read_in_float32(
    random_networks: Any, engine: Any
) -> None:
    (found,) = OnnxEngine(random_networks, "cpu", "int8").read_lines([ink(80)])
    np.testing.assert_array_equal(found, engine.read_lines([ink(80)])[0])


def test_a_cpu_does_not_compute_in_float16(random_networks: Any) -> None:
    with pytest.raises(DeviceError, match="cpu does not support float16"):
        OnnxEngine(random_networks, "cpu", "float16")


def test_a_gpu_that_is_not_there_is_an_error_that_says_what_to_install(
    random_networks: Any,
) -> None:
    with pytest.raises(DeviceError, match="onnxruntime-gpu"):
        OnnxEngine(random_networks, "gpu:99")


@pytest.mark.parametrize("change", ["lacking", "of another shape"])
def test_parameters_that_do_not_fit_are_a_mismatch(random_networks: Any, change: str) -> None:
    arrays = dict(random_networks.arrays["paragraph"])
    if change == "lacking":
        del arrays["head.bias"]
    else:
        arrays["up.0.0.weight"] = arrays["up.0.0.weight"][:, 1:]
    networks = replace(random_networks, arrays={"paragraph": arrays})
    with pytest.raises(BundleMismatchError, match="do not match"):
        OnnxEngine(networks, "cpu").label_pixels("paragraph", ink(64, 64))


def test_a_graph_that_is_gone_is_no_mismatch(
    random_networks: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = tmp_path / "gone.onnx"
    monkeypatch.setattr(type(random_networks), "int8_graph", lambda self, network: gone)
    with pytest.raises(BundleError, match=r"gone\.onnx cannot be read any more \(No such file"):
        OnnxEngine(random_networks, "cpu").label_pixels("paragraph", ink(64, 64))


def test_too_little_memory_is_no_mismatch(
    random_networks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(*arguments: Any) -> bytes:
        raise MemoryError

    monkeypatch.setattr(engine_module, "build_graph", build)
    with pytest.raises(MemoryError):
        OnnxEngine(random_networks, "cpu").label_pixels("paragraph", ink(64, 64))


@pytest.mark.parametrize("overflow", [True, False])
def test_slow_products_are_for_cpus_whose_fast_ones_overflow(
    monkeypatch: pytest.MonkeyPatch, random_networks: Any, overflow: bool
) -> None:
    monkeypatch.setattr(engine_module, "products_overflow", lambda: overflow)
    options = OnnxEngine(random_networks, "cpu")._options()
    if overflow:
        assert options.get_session_config_entry("session.x64quantprecision") == "1"
    else:
        with pytest.raises(RuntimeError):
            options.get_session_config_entry("session.x64quantprecision")


def test_without_onnx_runtime_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name == "onnxruntime":
            raise ImportError(f"No module named {name!r}")
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(sys.modules, engine_module.__name__)
    with pytest.raises(DeviceError, match="pip install onnxruntime"):
        importlib.import_module(engine_module.__name__)
