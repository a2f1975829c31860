"""Add the networks' layers to an ONNX graph, with parameters by structural name."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.engines.onnx.model_file import ELEMENT_TYPES, Graph

EPSILON = 1e-5  # epsilon of Gluon's batch norms
SCALED = "scaled"
"""The node that scales ink from 0 to 1."""

Array = NDArray[np.float32]
Parameters = Mapping[str, Array]
Shape = Tuple[Any, ...]


class NetworkGraph(Graph):
    """A graph of layers.

    Args:
        name: name of the graph.
        parameters: arrays by structural name.
        precision: "float32" or "float16", for constants and computation; inputs and outputs have
            the same types in both.
    """

    def __init__(self, name: str, parameters: Parameters, precision: str = "float32") -> None:
        super().__init__(name)
        self.parameters = parameters
        self._precision = precision

    def weights(self, array: NDArray[Any]) -> str:
        """Add a constant in the graph's precision."""
        return self.constant(array.astype(self._precision))

    def numbers(self, *numbers: int) -> str:
        """Add an integer constant, as some operators require."""
        return self.constant(np.array(numbers, np.int64))

    def scaled(self, ink: str) -> str:
        """Scale ink from 0 (paper) to 1 (the darkest ink)."""
        pixels = self.node("Cast", ink, to=ELEMENT_TYPES[self._precision])
        return self.node("Mul", pixels, self.weights(np.array(1.0 / 255.0)), output=SCALED)

    def result(self, value: str, name: str, shape: Shape) -> None:
        """Declare an output, converted to float32."""
        if self._precision == "float32":
            self.node("Identity", value, output=name)
        else:
            self.node("Cast", value, output=name, to=ELEMENT_TYPES["float32"])
        self.output(name, "float32", shape)

    def folded(self, conv: str, norm: str) -> Tuple[Array, Array]:
        """Fold a batch norm into the convolution before it; return weight and bias."""
        get = self.parameters
        factor = get[f"{norm}.gamma"] / np.sqrt(get[f"{norm}.running_var"] + np.float32(EPSILON))
        weight = get[f"{conv}.weight"] * factor[:, np.newaxis, np.newaxis, np.newaxis]
        return weight, get[f"{norm}.beta"] - get[f"{norm}.running_mean"] * factor

    def convolution(
        self,
        x: str,
        weight: Array,
        *bias: Array,
        strides: Tuple[int, int] = (1, 1),
        dilation: int = 1,
        pad: Optional[int] = None,
    ) -> str:
        """Add a convolution with square kernels and optional stride."""
        pad = dilation * (weight.shape[2] // 2) if pad is None else pad
        return self.node(
            "Conv",
            x,
            *map(self.weights, (weight, *bias)),
            kernel_shape=weight.shape[2:],
            strides=strides,
            pads=(pad,) * 4,
            dilations=(dilation,) * 2,
        )

    def stem(self, shape: Shape, weight: Array, bias: Array) -> str:
        """Declare the input `ink`, uint8, and add a 3 x 3 convolution of stride 2 with ReLU."""
        x = self.scaled(self.input("ink", "uint8", shape))
        return self.node("Relu", self.convolution(x, weight, bias, strides=(2, 2)))

    def rectified(self, name: str, x: str, strides: int = 1, dilation: int = 1) -> str:
        """Add `engines.mxnet.layers.convolution`: convolution, batch norm and ReLU."""
        weights = self.folded(f"{name}.0", f"{name}.1")
        y = self.convolution(x, *weights, strides=(strides, strides), dilation=dilation)
        return self.node("Relu", y)

    def halvings(self, shape: Shape, count: int) -> List[str]:
        """Declare the input `ink`, and return the output of each downsampling step."""
        features = [self.stem(shape, *self.folded("down.0.0.0", "down.0.0.1"))]
        for depth in range(1, count):
            x = self.rectified(f"down.{depth}.0", features[-1], strides=2)
            features.append(self.rectified(f"down.{depth}.1", x))
        return features

    def raised(self, name: str, x: str, skip: str, shrinking: int) -> str:
        """Add a convolution with ReLU of an upsampled map joined with one of twice its size.

        Args:
            shrinking: pixels of ink per pixel of the larger map, along each side.
        """
        weight, bias, below = self.split(name)
        upsampled = self.convolution(x, raising(weight[:, :below]), pad=1)
        upsampled = self.spread(upsampled, len(weight), shrinking)
        skipped = self.convolution(skip, weight[:, below:], bias)
        return self.node("Relu", self.node("Add", upsampled, skipped))

    def raised_in_squares(self, name: str, x: str, skip: str) -> str:
        """Add `raised` with the pixels of squares as channels; see `raising`."""
        weight, bias, below = self.split(name)
        upsampled = self.convolution(x, raising(weight[:, :below]), pad=1)
        skipped = self.squared(skip, weight[:, below:], bias)
        return self.node("Relu", self.node("Add", upsampled, skipped))

    def squared(self, x: str, weight: Array, bias: Array) -> str:
        """Add a 3 x 3 convolution with the pixels of squares as channels; see `raising`."""
        return self.convolution(x, in_squares(weight), np.tile(bias, 4), strides=(2, 2), pad=2)

    def spread(self, x: str, channels: int, shrinking: int) -> str:
        """Put the pixels of squares, which are channels, in their places; see `raising`.

        (N, 4 C, H + 1, W + 1) -> (N, C, 2 H, 2 W).

        Args:
            channels: C.
            shrinking: pixels of ink per pixel of the result, along each side.
        """
        x = self.node("DepthToSpace", x, blocksize=2)
        return self.node("Slice", x, self.numbers(1, 1), self.numbers(-1, -1), self.numbers(2, 3))

    def split(self, name: str) -> Tuple[Array, Array, int]:
        """Return weight and bias of a convolution of two maps, and the channels of the first."""
        weight, bias = self.folded(f"{name}.0", f"{name}.1")
        return weight, bias, weight.shape[1] - weight.shape[0]  # as many as outputs

    def bidirectional(self, name: str, x: str, lengths: str, hidden: int) -> str:
        """Add Gluon's bidirectional LSTM, with individual lengths of lines.

        (T, N, C) -> (T, N, 2 x hidden).
        """
        cells = [f"{name}._unfused.0.{side}_cell" for side in "lr"]
        get = self.parameters
        i2h, h2h = (
            np.stack([_gates(get[f"{cell}.{part}_weight"]) for cell in cells])
            for part in ("i2h", "h2h")
        )
        biases = np.stack(
            [
                np.concatenate([_gates(get[f"{cell}.{part}_bias"]) for part in ("i2h", "h2h")])
                for cell in cells
            ]
        )
        y = self.node(
            "LSTM",
            x,
            *map(self.weights, (i2h, h2h, biases)),
            lengths,
            hidden_size=hidden,
            direction="bidirectional",
        )  # (T, 2, N, hidden)
        y = self.node("Transpose", y, perm=(0, 2, 1, 3))
        return self.node("Reshape", y, self.numbers(0, 0, 2 * hidden))


def raising(weight: Array) -> Array:
    """Return the weights of a 2 x 2 convolution equal to upsampling and a 3 x 3 convolution.

    It has four channels per output, one for each pixel of a 2 x 2 square, and its input is padded
    by one pixel. Squares begin one row and column before the map, so that each sees just 2 x 2
    pixels of the small map: that at (y, x) of the convolution around (a, b) of the square is
    ((a + y) // 2, (b + x) // 2) of those. So it computes 16 products per pixel of the small map
    where there would be 36, and upsampled features are not stored.
    """
    outputs, inputs = weight.shape[:2]
    kernel = np.zeros((2, 2, outputs, inputs, 2, 2), np.float32)
    for a, b in np.ndindex(2, 2):
        for y, x in np.ndindex(3, 3):
            kernel[a, b, :, :, (a + y) // 2, (b + x) // 2] += weight[:, :, y, x]
    return kernel.reshape(4 * outputs, inputs, 2, 2)


def in_squares(weight: Array) -> Array:
    """Turn a 3 x 3 convolution into a 4 x 4 one of stride 2 for the four pixels of a square.

    Its input is padded by two pixels; see `raising`.
    """
    outputs, inputs = weight.shape[:2]
    kernel = np.zeros((2, 2, outputs, inputs, 4, 4), np.float32)
    for a, b in np.ndindex(2, 2):
        kernel[a, b, :, :, a : a + 3, b : b + 3] = weight
    return kernel.reshape(4 * outputs, inputs, 4, 4)


def _gates(rows: Array) -> Array:
    """Reorder gates from Gluon (input, forget, cell, output) to ONNX (i, o, f, c)."""
    i, f, c, o = np.split(rows, 4)
    return np.concatenate((i, o, f, c))
