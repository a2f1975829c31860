"""The recognizer's LSTMs and head in 8-bit integers, by the C part, on CPUs with AVX-512 VNNI.

ONNX Runtime takes three fifths of a line's time for them; the C part takes a third of that. The
numbers are not the same to the last bit: there, the range of the states is measured in each frame,
and here it is that of a hyperbolic tangent.
"""

from __future__ import annotations

from typing import Any, List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib import compiled
from htrlib.engines.network_shapes import RecognizerConfig

LANES, FOUR = 16, 4  # outputs and inputs that are multiplied at once
MOST = 12  # blocks of 16 outputs that are computed together
GATES = 4
CACHE_LINE = 64  # bytes; what begins elsewhere is read twice
ONE, ZERO = 127.0, 128  # the number of a state: 127 times it, and 128

Array = NDArray[np.float32]
Features = NDArray[np.float32]
Bytes = NDArray[np.uint8]


class _Direction(NamedTuple):
    """Weights of one direction of an LSTM, packed for the C part."""

    input_weights: NDArray[np.int8]
    state_weights: NDArray[np.int8]
    input_scales: Array
    state_scales: Array
    biases: Array


class RecurrentLayers:
    """All layers of the recognizer after its convolutions.

    Args:
        shape: of a network that `can_run` knows.
        parameters: the network's arrays by structural name.
    """

    def __init__(self, shape: RecognizerConfig, parameters: Mapping[str, Array]) -> None:
        self._hidden = shape.hidden
        blocks = shape.hidden // LANES
        self._units = next(units for units in (3, 2, 1) if blocks % units == 0)
        self._layers = [
            tuple(
                self._direction(parameters, f"{name}._unfused.0.{side}_cell", not number)
                for side in "lr"
            )
            for number, name in enumerate(shape.lstms)
        ]
        weight, scales = _quantized(parameters["head.weight"])
        self._classes = len(weight)
        missing = -len(weight) % (MOST * LANES)
        biases = parameters["head.bias"] - _shift(weight, scales)
        padded = np.pad(weight, ((0, missing), (0, 0)))
        self._head = _packed(padded.reshape(-1, MOST, LANES, weight.shape[1]))
        self._head_scales, self._head_biases = (
            np.pad(array, (0, missing)).astype(np.float32) for array in (scales / ONE, biases)
        )

    def _direction(
        self, parameters: Mapping[str, Array], cell: str, takes_features: bool
    ) -> _Direction:
        """Quantize and pack the weights of a cell.

        Args:
            takes_features: its inputs are features, from 0 on, and not states.
        """
        bias = parameters[f"{cell}.i2h_bias"] + parameters[f"{cell}.h2h_bias"]
        inputs, input_scales = _quantized(parameters[f"{cell}.i2h_weight"])
        states, state_scales = _quantized(parameters[f"{cell}.h2h_weight"])
        bias = bias - _shift(states, state_scales)
        if not takes_features:
            bias = bias - _shift(inputs, input_scales)
            input_scales = input_scales / np.float32(ONE)
        return _Direction(
            _packed(self._in_groups(inputs)),
            _packed(self._in_groups(states)),
            *(
                np.ascontiguousarray(self._in_groups(array), np.float32).reshape(-1)
                for array in (input_scales, state_scales / np.float32(ONE), bias)
            ),
        )

    def _in_groups(self, array: NDArray[Any]) -> NDArray[Any]:
        """Put the gates of the same cells beside each other: (4 H, ...) -> (G, B, 16, ...)."""
        rest = array.shape[1:]
        gates = array.reshape(GATES, -1, self._units, LANES, *rest).swapaxes(0, 1)
        return gates.reshape(-1, GATES * self._units, LANES, *rest)

    def __call__(self, features: Sequence[Features]) -> Tuple[Array, ...]:
        """Return the logits (T, C) float32 of lines with features (T, inputs) float32, T > 0.

        The result of a line does not depend on the others.
        """
        logits: List[Array] = []
        for first in range(0, len(features), 2):
            logits += self._read(features[first : first + 2])
        return tuple(logits)

    def _read(self, features: Sequence[Features]) -> List[Array]:
        """The logits of one or two lines."""
        quantized, scales = zip(*map(_quantized_features, features))
        states = np.concatenate(quantized)
        first = len(quantized[0])
        for number, layer in enumerate(self._layers):
            both = (1.0, 1.0) if number else (*scales, 1.0)[:2]
            states = np.concatenate(
                [self._run(cell, states, first, both, side) for side, cell in enumerate(layer)], 1
            )
        library = _library()
        content = library.multiplied(states, self._head, self._head_scales, self._head_biases)
        rows = np.frombuffer(content, np.float32).reshape(len(states), -1)[:, : self._classes]
        return [rows[:first], rows[first:]][: len(features)]

    def _run(
        self, cell: _Direction, inputs: Bytes, first: int, scales: Sequence[float], backward: int
    ) -> Bytes:
        content = _library().recurrence(
            inputs, first, *cell, *scales, self._hidden, self._units, bool(backward)
        )
        return np.frombuffer(content, np.uint8).reshape(len(inputs), -1)


def can_run(shape: RecognizerConfig) -> bool:
    """Return whether the C part and this CPU can run the layers of such a network."""
    inputs = shape.blocks[-1][0] if shape.blocks else shape.stem
    return shape.hidden % LANES == 0 and inputs % FOUR == 0 and compiled.runs_lstms()


def _library() -> Any:
    return compiled.library


def _quantized(weight: Array) -> Tuple[NDArray[np.int8], Array]:
    """Round weights (R, D) to 8 bits with one scale per output."""
    scales = np.maximum(np.abs(weight).max(axis=1), np.float32(1e-12)) / np.float32(127)
    return np.rint(weight / scales[:, np.newaxis]).astype(np.int8), scales


def _shift(weight: NDArray[np.int8], scales: Array) -> Array:
    """What inputs that stand for 0, but are `ZERO`, add to the products of (R, D) weights."""
    shift: Array = weight.sum(axis=1, dtype=np.int64) * scales * np.float32(ZERO / ONE)
    return shift


def _packed(weight: NDArray[np.int8]) -> NDArray[np.int8]:
    """(G, B, 16, D) -> (G, D / 4, B, 16, 4), the order in which the C part multiplies."""
    groups, blocks, lanes, depth = weight.shape
    fours = weight.reshape(groups, blocks, lanes, depth // FOUR, FOUR).transpose(0, 3, 1, 2, 4)
    room = np.empty(weight.size + CACHE_LINE, np.int8)
    first = -room.ctypes.data % CACHE_LINE
    packed = room[first : first + weight.size].reshape(fours.shape)
    packed[:] = fours
    return packed


def _quantized_features(features: Features) -> Tuple[Bytes, float]:
    """Round features, which are not negative, to 8 bits; return them and their scale."""
    scale = float(features.max()) / 255 or 1.0
    return np.rint(features / np.float32(scale)).astype(np.uint8), scale
