from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from htrlib.engines.onnx import layers
from htrlib.engines.onnx.graphs import build_graph

onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")
NETWORKS = ("line-recognition", "paragraph", "line-segmentation", "line-segmentation-ssd")


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("network", NETWORKS)
def test_the_onnx_package_accepts_each_network(
    random_networks: Any, network: str, precision: str
) -> None:
    model = build_graph(
        network,
        random_networks.network_config(network),
        random_networks.parameters(network),
        precision,
    )
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_lacking_parameter_is_named(random_networks: Any, network: str) -> None:
    parameters = dict(random_networks.parameters(network))
    name = sorted(parameters)[0]
    del parameters[name]
    with pytest.raises(KeyError, match=name):
        build_graph(network, random_networks.network_config(network), parameters)


@pytest.mark.parametrize("network", NETWORKS)
def test_channels_last_compute_the_same(random_networks: Any, network: str) -> None:
    rng = np.random.default_rng(0)
    height = random_networks.network_config(network).get("height", 128)
    inputs = {"ink": rng.integers(0, 256, (1, 1, height, 192), dtype=np.uint8)}
    if network == "line-recognition":
        inputs["lengths"] = np.array([20], np.int32)
    outputs = []
    for channels_last in (False, True):
        model = build_graph(
            network,
            random_networks.network_config(network),
            random_networks.parameters(network),
            channels_last=channels_last,
        )
        outputs.append(onnxruntime.InferenceSession(model).run(None, inputs))
    for plain, found in zip(*outputs):
        assert np.ptp(plain) > 0
        np.testing.assert_allclose(found, plain, atol=1e-4 * np.ptp(plain))


def correlated(x: Any, weight: Any, pad: int = 1) -> Any:
    """A convolution of (C, H, W) features, by definition."""
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2:], axis=(1, 2))
    return np.einsum("chwyx,ocyx->ohw", windows, weight)


def laid_out(squares: Any) -> Any:
    """(4 C, H + 1, W + 1) squares, which begin a row and column early -> (C, 2 H, 2 W)."""
    channels, height, width = squares.shape
    parts = squares.reshape(2, 2, channels // 4, height, width)
    pixels = parts.transpose(2, 3, 0, 4, 1).reshape(channels // 4, 2 * height, 2 * width)
    return pixels[:, 1:-1, 1:-1]


def test_raising_is_upsampling_and_a_convolution() -> None:
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(3, 5, 4)), rng.normal(size=(2, 3, 3, 3)).astype(np.float32)
    expected = correlated(x.repeat(2, axis=1).repeat(2, axis=2), weight)
    found = laid_out(correlated(x, layers.raising(weight)))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_squares_hold_the_pixels_of_a_convolution() -> None:
    rng = np.random.default_rng(1)
    x, weight = rng.normal(size=(2, 6, 8)), rng.normal(size=(3, 2, 3, 3)).astype(np.float32)
    squares = correlated(x, layers.in_squares(weight), pad=2)[:, ::2, ::2]
    np.testing.assert_allclose(laid_out(squares), correlated(x, weight), atol=1e-5)
