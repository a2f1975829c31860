"""Choose the ranges in which the values between layers are quantized to 8 bits.

The largest values are rare: to clip them is a smaller error than to round all others more coarsely.
So each range has the least mean squared error on given inputs (M. Nagel et al., "A White Paper on
Neural Network Quantization", 2021, https://arxiv.org/abs/2106.08295, section 3.1).
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Sequence, Tuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

BINS = 4096  # of a histogram, on each side of zero
STEPS = 255.0  # of the range of an 8-bit number
FRACTIONS = np.linspace(0.3, 1.0, 36)  # of the largest value: the limits to choose from

_COMPUTED = ("Conv", "Add", "Relu")  # operators that compute values
_MOVED = ("Reshape", "Slice", "Transpose")  # operators that give values other places

Range = Tuple[float, float]
"""The lowest and the highest value; zero lies between them."""


class Histogram:
    """Counts of values other than zero, which any range represents exactly.

    Attributes:
        counts: (2 x BINS,) int64, of bins from -limit to limit.
        limit: a power of two; it doubles when values exceed it.
    """

    def __init__(self) -> None:
        self.counts = np.zeros(2 * BINS, np.int64)
        self.limit = 2.0**-10

    def add(self, values: NDArray[np.float32]) -> None:
        """Count values of any shape."""
        values = values[values != 0.0]
        largest = float(np.abs(values).max(initial=0.0))
        while largest >= self.limit:
            self._double()
        bins = ((values + self.limit) * (BINS / self.limit)).astype(np.int32)
        self.counts += np.bincount(np.minimum(bins, 2 * BINS - 1), minlength=2 * BINS)

    def range_of_least_error(self) -> Range:
        """Return the range in which quantization has the least mean squared error."""
        values = (np.arange(2 * BINS) + 0.5 - BINS) * (self.limit / BINS)
        filled = np.flatnonzero(self.counts)
        if not filled.size:
            return 0.0, 0.0
        lows = FRACTIONS * min(0.0, values[filled[0]])
        highs = FRACTIONS * max(0.0, values[filled[-1]])
        below = np.maximum(lows[:, np.newaxis] - values, 0.0) ** 2 @ self.counts
        above = np.maximum(values - highs[:, np.newaxis], 0.0) ** 2 @ self.counts
        step = (highs - lows[:, np.newaxis]) / STEPS
        error = below[:, np.newaxis] + above + self.counts.sum() * step**2 / 12.0
        low, high = np.unravel_index(error.argmin(), error.shape)
        return float(lows[low]), float(highs[high])

    def _double(self) -> None:
        pairs = self.counts.reshape(-1, 2).sum(axis=1)
        self.counts = np.pad(pairs, BINS // 2)
        self.limit *= 2.0


def activation_ranges(
    model: Any, inputs: Sequence[Mapping[str, Any]], excluded: str = ""
) -> Dict[str, Range]:
    """Return the range of each value that convolutions, additions and ReLUs of a graph compute.

    Args:
        model: an `onnx.ModelProto` in float32, with the types of all values.
        inputs: inputs of the graph, on which ranges are measured.
        excluded: name of a value that is not quantized.
    """
    import onnx

    values = {
        value.name: value
        for value in model.graph.value_info
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT  # sizes are computed, too
    }
    computed = (node.output[0] for node in model.graph.node if node.op_type in _COMPUTED)
    names = [name for name in computed if name in values and name != excluded]
    measured = onnx.ModelProto()
    measured.CopyFrom(model)
    measured.graph.output.extend(values[name] for name in names)
    session = onnxruntime.InferenceSession(
        measured.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    histograms = {name: Histogram() for name in names}
    for given in inputs:
        for name, values in zip(names, session.run(names, dict(given))):
            histograms[name].add(values)
    ranges = {name: histogram.range_of_least_error() for name, histogram in histograms.items()}
    _narrow_rectified_sums(model, ranges)
    return ranges


def _narrow_rectified_sums(model: Any, ranges: Dict[str, Range]) -> None:
    """Narrow the ranges of values that are added before a ReLU.

    A value below minus the highest of the other cannot make the sum positive, however low it is.
    """
    makers = {node.output[0]: node for node in model.graph.node}

    def computed(name: str) -> str:
        """Return the name of the same values before they were moved."""
        while makers[name].op_type in _MOVED:
            name = makers[name].input[0]
        return name

    for node in model.graph.node:
        if node.op_type == "Relu" and makers[node.input[0]].op_type == "Add":
            one, other = (computed(name) for name in makers[node.input[0]].input)
            low, high = zip(ranges[one], ranges[other])
            ranges[one] = max(low[0], -high[1]), high[0]
            ranges[other] = max(low[1], -high[0]), high[1]
