from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from htrlib.bundle import load_bundle
from htrlib.engines.onnx.calibration import calibration_inks
from htrlib.engines.onnx.engine import OnnxEngine
from htrlib.engines.onnx.quantization import QUANTIZED, quantized_graph

pytestmark = pytest.mark.slow

pytest.importorskip("onnx", reason="the package onnx is not installed")


def best_path(logits: Any) -> list[int]:
    classes = logits.argmax(axis=1)
    changes = classes[np.r_[True, classes[1:] != classes[:-1]]]
    return [int(one) for one in changes if one < logits.shape[1] - 1]


def test_int8_graphs_of_small_networks_say_almost_the_same(
    random_networks: Any, tmp_path: Path
) -> None:
    inks = calibration_inks("abcdefgh", 32)
    graphs = {}
    for network in QUANTIZED:
        graphs[network] = tmp_path / network
        graphs[network].write_bytes(quantized_graph(random_networks, network, inks))
    quantized = OnnxEngine(replace(random_networks, graphs=graphs), "cpu")
    exact = OnnxEngine(random_networks, "cpu", "float32")
    for network in QUANTIZED[:2]:
        expected = exact.label_pixels(network, inks.pages[0])
        found = quantized.label_pixels(network, inks.pages[0])
        assert 0 < np.abs(found - expected).mean() < 0.05 * np.ptp(expected)
    lines = inks.lines[:5]
    for found, expected in zip(quantized.read_lines(lines), exact.read_lines(lines)):
        assert found.shape == expected.shape
        assert 0 < np.abs(found - expected).mean() < 0.05 * np.ptp(expected)


def test_the_shipped_bundle_reads_rendered_lines_in_int8_as_in_float32(
    default_bundle: str,
) -> None:
    bundle = load_bundle(default_bundle)
    if bundle.int8_graph("line-recognition") is None:
        pytest.skip("the bundle has no int8 graphs")
    lines = calibration_inks((), 64).lines[::4]
    said = [
        [best_path(logits) for logits in bundle.engine(name, "cpu").read_lines(lines)]
        for name in ("onnx", "onnx-float32")
    ]
    assert sum(map(len, said[1])) > 300
    edits = sum(map(Levenshtein.distance, *said))
    assert edits <= 0.03 * sum(map(len, said[1]))


def test_the_shipped_bundle_labels_pixels_in_int8_as_in_float32(default_bundle: str) -> None:
    bundle = load_bundle(default_bundle)
    if bundle.int8_graph("paragraph") is None:
        pytest.skip("the bundle has no int8 graphs")
    for page in calibration_inks((), 64).pages[::3]:
        for network in ("paragraph", "line-segmentation"):
            found, expected = (
                bundle.engine(name, "cpu").label_pixels(network, page) > 0
                for name in ("onnx", "onnx-float32")
            )
            assert (found != expected).mean() < 0.01
