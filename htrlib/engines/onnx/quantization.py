"""Quantize networks to 8-bit integers, up to four times as fast as floating point on CPUs.

Convolutions use ranges measured beforehand (`calibration`), and one scale per output channel of the
weights; LSTMs and the recognizer's head measure the range of their input dynamically.

The recognizer's ranges are those of least error (`activation_ranges`), and its weights use all 8
bits. On x86 CPUs without VNNI, sums of two products of such numbers would overflow; the engine has
ONNX Runtime use other, slower instructions there. Labelers have the whole range that was measured,
and weights of 7 bits: with the recipe of the recognizer, fewer pixels differ from float32, but more
lines fall into pieces.

Creating the graphs needs the package `onnx`; reading with them does not.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
from pathlib import Path
from typing import Any, Collection, Dict, Iterator, List, Optional, Sequence

import numpy as np

from htrlib.engines.network_shapes import RecognizerConfig
from htrlib.engines.onnx.activation_ranges import activation_ranges
from htrlib.engines.onnx.calibration import CalibrationInks, Ink, calibration_inks
from htrlib.engines.onnx.channels_last import PIXELS
from htrlib.engines.onnx.graphs import FEATURES, HEAD_BIAS, build_graph
from htrlib.engines.onnx.layers import SCALED
from htrlib.engines.port import (
    HANDWRITTEN_LINES,
    LINE_HEIGHT,
    LINES,
    PARAGRAPHS,
    RECOGNIZER,
    RECURRENCE,
    Networks,
)
from htrlib.errors import DeviceError

QUANTIZED = (PARAGRAPHS, LINES, HANDWRITTEN_LINES, RECOGNIZER)
"""The networks that have int8 graphs; the word detector, which few use, has none."""

_STATIC = ["Conv", "Add", "Relu", "MaxPool", "Reshape", "Slice", "Transpose"]
_DYNAMIC = ["LSTM", "MatMul"]
_INK = {"scale": np.array(1.0 / 255.0, np.float32), "zero_point": np.array(0, np.uint8)}
"""The quantization of scaled ink: the input itself."""

Inputs = Dict[str, Any]


def quantized_graphs(networks: Networks, names: Collection[str]) -> Dict[str, bytes]:
    """Quantize those networks of a bundle that can be quantized; see `quantized_graph`."""
    _library()
    config = networks.network_config(RECOGNIZER) if RECOGNIZER in names else {}
    inks = calibration_inks(networks.charset.symbols, int(config.get("height", LINE_HEIGHT)))
    return {name: quantized_graph(networks, name, inks) for name in QUANTIZED if name in names}


def quantized_graph(networks: Networks, network: str, inks: CalibrationInks) -> bytes:
    """Quantize a network, and return the content of its ONNX file.

    Args:
        networks: networks of a bundle.
        network: one of `QUANTIZED`.
        inks: inputs on which ranges are measured.
    Raises:
        DeviceError: the package `onnx` or ONNX Runtime is not installed.
        BundleMismatchError: the bundle lacks the network.
    """
    config = networks.network_config(network)
    parameters = networks.parameters(network)
    if network == RECOGNIZER:
        shape = RecognizerConfig.from_dict(config)
        fours = shape.frame_width % PIXELS == 0  # lines are multiples of it wide
        model = build_graph(network, config, parameters, channels_last=fours)
        inputs = _line_inputs(inks.lines, shape)
    else:
        model = build_graph(network, config, parameters, channels_last=True)
        inputs = [{"ink": page[np.newaxis, np.newaxis]} for page in inks.pages]
    return _quantized(model, inputs, network == RECOGNIZER)


def split_recognizer(graph: bytes) -> Dict[str, bytes]:
    """Split a recognizer's graph where its LSTMs begin, which `recurrent_layers` may replace.

    Raises:
        DeviceError: the package `onnx` is not installed.
    """
    _library()
    import onnx

    model = onnx.load_from_string(graph)
    channels = [None, None, None]
    model.graph.value_info.append(
        onnx.helper.make_tensor_value_info(FEATURES, onnx.TensorProto.FLOAT, channels)
    )
    parts = onnx.utils.Extractor(model)
    ends = {RECOGNIZER: (["ink"], [FEATURES]), RECURRENCE: ([FEATURES, "lengths"], ["logits"])}
    return {
        name: parts.extract_model(*between).SerializeToString() for name, between in ends.items()
    }


def _quantized(model: bytes, inputs: Sequence[Inputs], is_recognizer: bool) -> bytes:
    """Quantize a graph, with ranges measured on inputs but for some operators."""
    quantization = _library()
    with tempfile.TemporaryDirectory(prefix="htrlib-") as scratch:
        stages = [Path(scratch, f"{number}.onnx") for number in range(4)]
        stages[0].write_bytes(model)
        quantization.shape_inference.quant_pre_process(
            stages[0], stages[1], skip_optimization=True, skip_symbolic_shape=True
        )
        chosen = _ranges_of_least_error(stages[1], inputs) if is_recognizer else {}
        quantization.quantize_static(
            stages[1],
            stages[2],
            _reader(quantization, inputs[:1] if chosen else inputs),
            op_types_to_quantize=_STATIC,
            nodes_to_exclude=[HEAD_BIAS],
            per_channel=True,
            reduce_range=not is_recognizer,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            extra_options={"TensorQuantOverrides": {**chosen, SCALED: [_INK]}},
        )
        _take_ink_as_it_is(stages[2])
        if not is_recognizer:
            return stages[2].read_bytes()
        with _no_warning():
            quantization.quantize_dynamic(
                stages[2],
                stages[3],
                op_types_to_quantize=_DYNAMIC,
                per_channel=True,
                weight_type=quantization.QuantType.QInt8,
            )
        return stages[3].read_bytes()


def _ranges_of_least_error(path: Path, inputs: Sequence[Inputs]) -> Dict[str, Any]:
    """Return `activation_ranges` of a graph as overrides for ONNX Runtime's quantization."""
    import onnx

    return {
        name: [{"rmin": np.float32(low), "rmax": np.float32(high)}]
        for name, (low, high) in activation_ranges(onnx.load(path), inputs, HEAD_BIAS).items()
    }


def _take_ink_as_it_is(path: Path) -> None:
    """Remove the nodes that scale ink and then quantize it to what it was."""
    import onnx

    model = onnx.load(path)
    nodes = {node.output[0]: node for node in model.graph.node}
    scaled = nodes[SCALED]
    cast = nodes[scaled.input[0]]
    (quantized,) = (node for node in model.graph.node if SCALED in node.input)
    for node in model.graph.node:
        if quantized.output[0] in node.input:
            node.input[0] = cast.input[0]
    for node in (cast, scaled, quantized):
        model.graph.node.remove(node)
    onnx.save(model, path)


def _library() -> Any:
    try:
        import onnx  # noqa: F401 - ONNX Runtime's own message is less clear
        from onnxruntime import quantization
        from onnxruntime.quantization import shape_inference  # noqa: F401
    except ImportError as error:
        raise DeviceError(
            f"int8 graphs cannot be created ({error}); install the packages for it: pip install "
            "'htrlib[export]'"
        ) from error
    return quantization


@contextlib.contextmanager
def _no_warning() -> Iterator[None]:
    """Suppress ONNX Runtime's warning that a graph is only partly quantized, which is intended."""
    root = logging.getLogger()

    def kept(record: logging.LogRecord) -> bool:
        return "already quantized" not in record.getMessage()

    root.addFilter(kept)
    try:
        yield
    finally:
        root.removeFilter(kept)


def _line_inputs(lines: Sequence[Ink], shape: RecognizerConfig) -> List[Inputs]:
    inputs = []
    for line in lines:
        frames = -(-line.shape[1] // shape.frame_width)
        after = frames * shape.frame_width - line.shape[1]
        ink = np.pad(line, ((0, 0), (shape.reach, shape.reach + after)))
        inputs.append({"ink": ink[np.newaxis, np.newaxis], "lengths": np.array([frames], np.int32)})
    return inputs


def _reader(quantization: Any, inputs: Sequence[Inputs]) -> Any:
    """Wrap inputs for ONNX Runtime's calibration."""

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self._inputs: Iterator[Inputs] = iter(inputs)

        def get_next(self) -> Optional[Inputs]:
            return next(self._inputs, None)

    return Reader()
