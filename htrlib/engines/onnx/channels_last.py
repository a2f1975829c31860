"""Lay out a network as ONNX Runtime's 8-bit convolutions compute it fastest.

They work on (N, H, W, C), the channels of a pixel side by side, four input channels at a time.
ONNX Runtime transposes what surrounds them, and removes transpositions that cancel each other, as
those written here do. So neighboring pixels become channels and back at no cost. The first
convolution, whose input has one channel, takes a seventh of the time with four pixels as channels.
"""

from __future__ import annotations

import numpy as np

from htrlib.engines.onnx.layers import Array, NetworkGraph, Shape, in_squares

PIXELS = 4  # neighbors in a row that are the first convolution's input channels


class ChannelsLastGraph(NetworkGraph):
    """The layers of `NetworkGraph`; ink must be a multiple of `PIXELS` wide."""

    def stem(self, shape: Shape, weight: Array, bias: Array) -> str:
        ink = self.input("ink", "uint8", shape)
        self._size = self.node("Shape", ink, start=2, end=4)
        rows = self.node("Transpose", ink, perm=(0, 2, 1, 3))
        fours = self.node("Reshape", rows, self.numbers(0, 0, -1, PIXELS))
        self._pairs = self.node(
            "Relu",
            self.node(
                "Conv",
                self.scaled(self.node("Transpose", fours, perm=(0, 3, 1, 2))),
                *map(self.weights, (for_fours(weight), np.tile(bias, 2))),
                kernel_shape=(3, 2),
                strides=(2, 1),
                pads=(1, 1, 1, 0),
            ),
        )  # (N, 2 C, H / 2, W / 4)
        x = self.node("Transpose", self._pairs, perm=(0, 2, 3, 1))
        x = self.node("Reshape", x, self.numbers(0, 0, -1, len(bias)))
        self._stem = self.node("Transpose", x, perm=(0, 3, 1, 2))
        return self._stem

    def squared(self, x: str, weight: Array, bias: Array) -> str:
        if x != self._stem:
            return super().squared(x, weight, bias)
        return self.node(
            "Conv",
            self._pairs,
            *map(self.weights, (for_pairs(in_squares(weight)), np.tile(bias, 4))),
            kernel_shape=(4, 2),
            strides=(2, 1),
            pads=(2, 1, 2, 1),
        )

    def spread(self, x: str, channels: int, shrinking: int) -> str:
        x = self.node("Transpose", x, perm=(0, 2, 3, 1))
        x = self.node("Reshape", x, self.numbers(0, 0, 0, 2, 2 * channels))
        x = self.node("Transpose", x, perm=(0, 1, 3, 2, 4))
        size = self.node("Div", self._size, self.numbers(shrinking))
        size = self.node("Add", size, self.numbers(2))  # a pixel more on each side
        size = self.node("Concat", self.numbers(0), size, self.numbers(channels), axis=0)
        x = self.node("Reshape", x, size)
        x = self.node("Slice", x, self.numbers(1, 1), self.numbers(-1, -1), self.numbers(1, 2))
        return self.node("Transpose", x, perm=(0, 3, 1, 2))


def for_fours(weight: Array) -> Array:
    """Turn a 3 x 3 convolution of stride 2 into one of four neighboring pixels as channels.

    (C, 1, 3, 3) -> (2 C, 4, 3, 2): each place computes two pixels of the output. The first of them
    begins with the last pixel of the four on its left.
    """
    outputs = len(weight)
    kernel = np.zeros((2, outputs, PIXELS, 3, 2), np.float32)
    for pixel, column in np.ndindex(2, 3):
        place = PIXELS + 2 * pixel + column - 1
        kernel[pixel, :, place % PIXELS, :, place // PIXELS] = weight[:, 0, :, column]
    return kernel.reshape(2 * outputs, PIXELS, 3, 2)


def for_pairs(weight: Array) -> Array:
    """Turn a convolution into one of pairs of pixels: (C, D, H, 2 W) -> (C, 2 D, H, W)."""
    outputs, inputs, height, width = weight.shape
    pairs = weight.reshape(outputs, inputs, height, width // 2, 2)
    return pairs.transpose(0, 4, 1, 2, 3).reshape(outputs, 2 * inputs, height, width // 2)
