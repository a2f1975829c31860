"""Export the networks of bundles as ONNX graphs, into the bundle or as files.

Only quantization needs the package `onnx`.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Dict, Iterator, Optional

import numpy as np

from htrlib.bundle import Bundle, load_bundle, write_bundle
from htrlib.engines.onnx.graphs import build_graph
from htrlib.engines.onnx.quantization import quantized_graphs, split_recognizer
from htrlib.engines.port import RECOGNIZER, RECURRENCE

if TYPE_CHECKING:
    from htrlib.engines.onnx.comparison import Comparison

INT8 = "int8"
PRECISIONS = (INT8, "float32", "float16")


def add_int8_graphs(bundle: Bundle, before: Optional[Bundle] = None) -> Bundle:
    """Quantize the networks of a bundle and store them in it, replacing previous ones.

    This takes about 15 seconds.

    Args:
        before: the bundle that this one was trained from. The graphs of networks that are the same
            in both are copied, which reads the same and saves the most of that time.
    Returns:
        The bundle with its graphs.
    Raises:
        DeviceError: the package `onnx` or ONNX Runtime is not installed.
    """
    networks = bundle.config["networks"]
    kept = {} if before is None else _graphs_of_same_networks(bundle, before)
    changed = [name for name in networks if name not in kept]
    graphs = quantized_graphs(bundle, changed) if changed else {}
    if RECOGNIZER in graphs:
        graphs.update(split_recognizer(graphs[RECOGNIZER]))
    write_bundle(
        bundle.directory,
        bundle.config,
        bundle.charset,
        {name: bundle.stored_parameters(name) for name in networks},
        {name: bundle.file(name).read_bytes() for name in bundle.extra_files},
        {**kept, **graphs},
    )
    return load_bundle(bundle.directory)


def _graphs_of_same_networks(bundle: Bundle, before: Bundle) -> Dict[str, bytes]:
    """Return the graphs of the networks with the same numbers and parameters in both bundles."""
    kept: Dict[str, bytes] = {}
    for name, numbers in bundle.config["networks"].items():
        if before.config["networks"].get(name) != numbers or not _same(bundle, before, name):
            continue
        parts = (RECOGNIZER, RECURRENCE) if name == RECOGNIZER else (name,)
        paths = [before.int8_graph(part) for part in parts]
        # one that is trained into its own directory has lost its graphs
        if all(path is not None and path.is_file() for path in paths):
            kept.update((part, path.read_bytes()) for part, path in zip(parts, paths) if path)
    return kept


def _same(bundle: Bundle, before: Bundle, network: str) -> bool:
    ours, theirs = bundle.stored_parameters(network), before.stored_parameters(network)
    return ours.keys() == theirs.keys() and all(
        np.array_equal(array, theirs[key]) for key, array in ours.items()
    )


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
