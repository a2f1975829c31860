"""The recognizer's LSTMs by the C part, against the same numbers in NumPy, and ONNX Runtime's."""

from __future__ import annotations

from typing import Any, Dict, List

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from htrlib import compiled
from htrlib.bundle import load_bundle
from htrlib.decoding.best_path import best_path
from htrlib.engines.network_shapes import RecognizerConfig
from htrlib.errors import BundleMismatchError

pytest.importorskip("onnxruntime")
from htrlib.engines.onnx.calibration import calibration_inks
from htrlib.engines.onnx.engine import OnnxEngine
from htrlib.engines.onnx.recurrent_layers import RecurrentLayers, can_run

library: Any = compiled.library
needs_vnni = pytest.mark.skipif(
    not compiled.runs_lstms(),
    reason="the C part was not built, or this CPU lacks AVX-512 VNNI",
)


def shape_of(hidden: int, inputs: int = 8, layers: int = 2) -> RecognizerConfig:
    return RecognizerConfig(7, 4, ((inputs, (2, 2)),), hidden, 0.0, layers)


def random_parameters(shape: RecognizerConfig) -> Dict[str, Any]:
    rng = np.random.default_rng(shape.hidden)
    arrays: Dict[str, Any] = {}
    inputs = shape.blocks[-1][0]
    for name in shape.lstms:
        for side in "lr":
            cell = f"{name}._unfused.0.{side}_cell"
            for part, depth in (("i2h", inputs), ("h2h", shape.hidden)):
                weight = rng.normal(0, 1.5 / depth**0.5, (4 * shape.hidden, depth))
                arrays[f"{cell}.{part}_weight"] = weight.astype(np.float32)
                bias = rng.normal(0, 0.5, 4 * shape.hidden)
                arrays[f"{cell}.{part}_bias"] = bias.astype(np.float32)
        inputs = 2 * shape.hidden
    weight = rng.normal(0, 1, (shape.num_classes, inputs))
    arrays["head.weight"] = weight.astype(np.float32)
    arrays["head.bias"] = rng.normal(0, 1, shape.num_classes).astype(np.float32)
    return arrays


def features_of(frames: int, shape: RecognizerConfig) -> Any:
    rng = np.random.default_rng(frames)
    values = rng.normal(0, 2, (frames, shape.blocks[-1][0]))
    return np.maximum(values, 0).astype(np.float32)


def rounded(weight: Any) -> Any:
    """Weights as 8 bits can tell them, with one scale per output."""
    scales = np.abs(weight).max(1, keepdims=True) / 127
    return np.rint(weight / scales) * scales


def expected_logits(features: Any, shape: RecognizerConfig, parameters: Dict[str, Any]) -> Any:
    """Logits in double precision, of rounded weights, features and states."""
    scale = features.max() / 255 or 1.0
    x = np.rint(features / scale) * scale
    for name in shape.lstms:
        x = np.concatenate([one_direction(x, name, side, shape, parameters) for side in "lr"], 1)
    return x @ rounded(parameters["head.weight"]).T + parameters["head.bias"]


def one_direction(
    x: Any, name: str, side: str, shape: RecognizerConfig, parameters: Dict[str, Any]
) -> Any:
    cell = f"{name}._unfused.0.{side}_cell"
    i2h, h2h = (rounded(parameters[f"{cell}.{part}_weight"]) for part in ("i2h", "h2h"))
    bias = parameters[f"{cell}.i2h_bias"] + parameters[f"{cell}.h2h_bias"]
    state = memory = np.zeros(shape.hidden)
    states = np.zeros((len(x), shape.hidden))
    for frame in range(len(x))[:: 1 if side == "l" else -1]:
        let_in, keep, new, let_out = np.split(i2h @ x[frame] + h2h @ state + bias, 4)
        memory = sigmoid(keep) * memory + sigmoid(let_in) * np.tanh(new)
        state = np.rint(127 * sigmoid(let_out) * np.tanh(memory)) / 127
        states[frame] = state
    return states


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


@needs_vnni
@settings(max_examples=25)
@given(
    frames=st.lists(st.integers(1, 70), min_size=1, max_size=5),
    hidden=st.sampled_from([16, 32, 48, 80, 96]),
    inputs=st.sampled_from([4, 8, 20]),
)
def test_lines_say_what_the_same_numbers_say_in_numpy(
    frames: List[int], hidden: int, inputs: int
) -> None:
    shape = shape_of(hidden, inputs)
    parameters = random_parameters(shape)
    lines = [features_of(count, shape) for count in frames]
    said = RecurrentLayers(shape, parameters)(lines)
    assert len(said) == len(lines)
    for logits, line in zip(said, lines):
        expected = expected_logits(line, shape, parameters)
        # A state between two of its 255 numbers may become the other one.
        assert np.abs(logits - expected).mean() < 0.01 * np.ptp(expected)


@needs_vnni
@settings(max_examples=25)
@given(frames=st.lists(st.integers(1, 70), min_size=1, max_size=5))
def test_what_a_line_says_does_not_depend_on_its_company(frames: List[int]) -> None:
    shape = shape_of(48)
    layers = RecurrentLayers(shape, random_parameters(shape))
    lines = [features_of(count, shape) for count in frames]
    for line, said in zip(lines, layers(lines)):
        np.testing.assert_array_equal(said, layers([line])[0])


@needs_vnni
def test_gates_that_are_far_open_or_shut_give_numbers() -> None:
    shape = shape_of(16)
    parameters = {name: 1e6 * array for name, array in random_parameters(shape).items()}
    (said,) = RecurrentLayers(shape, parameters)([1e6 * features_of(40, shape)])
    assert np.isfinite(said).all()


@needs_vnni
def test_empty_paper_is_read() -> None:
    shape = shape_of(16)
    (said,) = RecurrentLayers(shape, random_parameters(shape))([0 * features_of(3, shape)])
    np.testing.assert_allclose(
        said, expected_logits(0 * features_of(3, shape), shape, random_parameters(shape)), atol=0.1
    )


@needs_vnni
@pytest.mark.parametrize("change", ["inputs", "first", "hidden", "units", "weights"])
def test_sizes_that_do_not_fit_are_refused(change: str) -> None:
    numbers = {"inputs": 5 * 8, "first": 3, "hidden": 16, "units": 1, "weights": 64 * 8}
    numbers[change] += {"inputs": 1, "first": 3, "hidden": 16, "units": 3, "weights": 64}[change]
    weights, states = (np.zeros(size, np.int8) for size in (numbers["weights"], 64 * 16))
    scales = np.zeros(64, np.float32)
    given_ = np.zeros(numbers["inputs"], np.uint8), numbers["first"], weights, states
    rest = 1.0, 1.0, numbers["hidden"], numbers["units"], False
    with pytest.raises(ValueError, match="do not fit"):
        library.recurrence(*given_, scales, scales, scales, *rest)


def test_onnx_runtime_reads_where_the_c_part_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not can_run(shape_of(hidden=5))
    assert can_run(shape_of(hidden=16)) == compiled.runs_lstms()
    monkeypatch.setattr(compiled, "library", None)
    assert not can_run(shape_of(hidden=16))


@needs_vnni
def test_both_read_the_shipped_bundles_lines_alike(
    default_bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = load_bundle(default_bundle)
    if bundle.int8_graph("line-recognition-recurrence") is None:
        pytest.skip("the bundle has no int8 graphs")
    lines = calibration_inks((), 64).lines[::4]
    by_c = OnnxEngine(bundle, "cpu").read_lines(lines)
    monkeypatch.setattr(compiled, "library", None)
    by_onnx = OnnxEngine(bundle, "cpu").read_lines(lines)
    assert any((one != other).any() for one, other in zip(by_c, by_onnx)), "the same code ran"
    said = [[best_path(logits).labels for logits in lines] for lines in (by_c, by_onnx)]
    assert sum(map(Levenshtein.distance, *said)) <= 0.03 * sum(map(len, said[1]))


@needs_vnni
def test_parameters_that_do_not_fit_are_a_mismatch(default_bundle: str) -> None:
    bundle = load_bundle(default_bundle)
    if bundle.int8_graph("line-recognition-recurrence") is None:
        pytest.skip("the bundle has no int8 graphs")
    arrays = bundle.stored_parameters("line-recognition")
    arrays["rnn2._unfused.0.l_cell.h2h_weight"] = arrays["head.weight"]

    class Damaged:
        def __getattr__(self, name: str) -> Any:
            return getattr(bundle, name)

        def parameters(self, name: str) -> Dict[str, Any]:
            return arrays

    with pytest.raises(BundleMismatchError, match="do not match"):
        OnnxEngine(Damaged(), "cpu").read_lines(calibration_inks((), 64).lines[:1])
