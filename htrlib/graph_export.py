"""Export the networks of bundles as ONNX graphs, into the bundle or as files.

Only quantization needs the package `onnx`.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Dict, Iterator

from htrlib.bundle import Bundle, load_bundle, write_bundle
from htrlib.engines.onnx.graphs import build_graph
from htrlib.engines.onnx.quantization import quantized_graphs, split_recognizer
from htrlib.engines.port import RECOGNIZER

if TYPE_CHECKING:
    from htrlib.engines.onnx.comparison import Comparison

INT8 = "int8"
PRECISIONS = (INT8, "float32", "float16")


def add_int8_graphs(bundle: Bundle) -> Bundle:
    """Quantize the networks of a bundle and store them in it, replacing previous ones.

    This takes about 15 seconds.

    Returns:
        The bundle with its graphs.
    Raises:
        DeviceError: the package `onnx` or ONNX Runtime is not installed.
    """
    networks = bundle.config["networks"]
    graphs = onnx_graphs(bundle, INT8)
    if RECOGNIZER in graphs:
        graphs.update(split_recognizer(graphs[RECOGNIZER]))
    write_bundle(
        bundle.directory,
        bundle.config,
        bundle.charset,
        {name: bundle.stored_parameters(name) for name in networks},
        {name: bundle.file(name).read_bytes() for name in bundle.extra_files},
        graphs,
    )
    return load_bundle(bundle.directory)


def can_quantize() -> bool:
    """Return whether the packages that `add_int8_graphs` needs are installed."""
    return all(importlib.util.find_spec(package) for package in ("onnx", "onnxruntime"))


def onnx_graphs(bundle: Bundle, precision: str) -> Dict[str, bytes]:
    """Return network -> content of its ONNX file; for int8, only those that can be quantized.

    Args:
        precision: one of `PRECISIONS`.
    Raises:
        DeviceError: see `add_int8_graphs`, with int8.
    """
    networks = bundle.config["networks"]
    if precision == INT8:
        return quantized_graphs(bundle, networks)
    return {
        name: build_graph(name, numbers, bundle.parameters(name), precision)
        for name, numbers in networks.items()
    }


def check_graphs(bundle: Bundle) -> Iterator[Comparison]:
    """Run each network of a bundle, and compare int8 with float32 if the bundle has both.

    Raises:
        BundleMismatchError: the parameters do not match their network.
        DeviceError: ONNX Runtime is not installed.
    """
    from htrlib.engines.onnx.comparison import compare_precisions  # imports ONNX Runtime

    return compare_precisions(bundle, tuple(bundle.config["networks"]))
