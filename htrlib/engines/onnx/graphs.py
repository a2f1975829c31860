"""Build ONNX graphs of a bundle's networks from their parameters.

Batch norms are folded into the convolutions before them. All graphs take ink as uint8, 0 is paper,
and return float32.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping

import numpy as np

from htrlib.engines.network_shapes import LabelerConfig, RecognizerConfig
from htrlib.engines.onnx.channels_last import ChannelsLastGraph
from htrlib.engines.onnx.layers import NetworkGraph, Parameters
from htrlib.engines.port import HANDWRITTEN_LINES, LINES, PARAGRAPHS, RECOGNIZER, WORDS
from htrlib.engines.word_anchors import CLASSES, SsdConfig

FEATURES = "features"
"""The node that gives what the recognizer's convolutions find: (T, N, C), not negative."""

HEAD_BIAS = "biased"
"""The node of the recognizer's head that adds the bias; it is not quantized."""


def build_graph(
    network: str,
    config: Mapping[str, Any],
    parameters: Parameters,
    precision: str = "float32",
    channels_last: bool = False,
) -> bytes:
    """Return a network as the content of an ONNX file.

    Args:
        network: name in the bundle's configuration.
        config: configuration of the network.
        parameters: float32 arrays by structural name.
        precision: "float32" or "float16".
        channels_last: lay out the network for quantization; see `ChannelsLastGraph`.
    Raises:
        KeyError: a setting or a parameter is missing.
    """
    builders: Dict[str, Callable[[NetworkGraph, Mapping[str, Any]], None]] = {
        RECOGNIZER: _recognizer,
        PARAGRAPHS: _labeler,
        LINES: _labeler,
        HANDWRITTEN_LINES: _labeler,
        WORDS: _detector,
    }
    layout = ChannelsLastGraph if channels_last else NetworkGraph
    graph = layout(network, parameters, precision)
    builders[network](graph, config)
    return graph.model()


def _recognizer(graph: NetworkGraph, config: Mapping[str, Any]) -> None:
    """Build ink (N, 1, H, W) uint8, lengths (N,) int32 -> logits (T, N, C) float32.

    Lines have as much paper on both sides as the convolutions reach, and individual lengths in
    frames: padding after a line's end has no effect on it.
    """
    shape = RecognizerConfig.from_dict(config)
    height = int(config["height"])
    x = graph.stem(("n", 1, height, "w"), *graph.folded("stem_conv", "stem_norm"))
    lengths = graph.input("lengths", "int32", ("n",))
    channels = shape.stem
    for number, (outputs, strides) in enumerate(shape.blocks):
        x = _residual_block(graph, f"blocks.{number}", x, strides, channels != outputs)
        channels = outputs
    x = graph.node("MaxPool", x, kernel_shape=(shape.rows(height), 1))  # (N, C, 1, T)
    paper = shape.reach // shape.frame_width
    x = graph.node("Slice", x, *map(graph.numbers, (paper, -paper, 3)))  # of axis 3
    x = graph.node("Squeeze", x, graph.numbers(2))
    x = graph.node("Transpose", x, perm=(2, 0, 1), output=FEATURES)  # (T, N, C)
    for name in shape.lstms:
        x = graph.bidirectional(name, x, lengths, shape.hidden)
    x = graph.node("MatMul", x, graph.weights(graph.parameters["head.weight"].T))
    x = graph.node("Add", x, graph.weights(graph.parameters["head.bias"]), output=HEAD_BIAS)
    graph.result(x, "logits", ("t", "n", shape.num_classes))


def _residual_block(graph: NetworkGraph, name: str, x: str, strides: Any, widened: bool) -> str:
    y = graph.convolution(x, *graph.folded(f"{name}.conv1", f"{name}.norm1"), strides=strides)
    y = graph.node("Relu", y)
    y = graph.convolution(y, *graph.folded(f"{name}.conv2", f"{name}.norm2"))
    if widened or strides != (1, 1):
        x = graph.convolution(x, *graph.folded(f"{name}.conv3", f"{name}.norm3"), strides=strides)
    return graph.node("Relu", graph.node("Add", x, y))


def _labeler(graph: NetworkGraph, config: Mapping[str, Any]) -> None:
    """Build ink (N, 1, H, W) uint8 -> logits (N, num_labels, H / 2, W / 2) float32.

    The last and largest level keeps the four pixels of each square as channels until the labels are
    known, because rearranging 16 channels takes as long as computing them.
    """
    shape = LabelerConfig.from_dict(config)
    *features, x = graph.halvings(("n", 1, "h", "w"), len(shape.channels))
    for number, dilation in enumerate((2, 4)):
        x = graph.rectified(f"middle.{number}", x, dilation=dilation)
    finest, *coarser = features
    for number, skip in enumerate(reversed(coarser)):
        x = graph.raised(f"up.{number}", x, skip, 2 ** (len(features) - number))
    x = graph.raised_in_squares(f"up.{len(coarser)}", x, finest)
    weight, bias = (graph.parameters[f"head.{kind}"] for kind in ("weight", "bias"))
    squares = np.kron(np.eye(4, dtype=np.float32), weight[:, :, 0, 0])
    x = graph.convolution(x, squares[:, :, np.newaxis, np.newaxis], np.tile(bias, 4))
    x = graph.spread(x, shape.num_labels, 2)
    graph.result(x, "logits", ("n", shape.num_labels, "rows", "columns"))


def _detector(graph: NetworkGraph, config: Mapping[str, Any]) -> None:
    """Build ink (N, 1, H, W) uint8 -> logits (N, A, 2), offsets (N, A, 4) of A anchors."""
    shape = SsdConfig.from_dict(config)
    features = graph.halvings(("n", 1, "h", "w"), len(shape.channels))
    x = graph.rectified("middle", features[-1], dilation=2)
    maps = [x]
    for number, skip in enumerate(reversed(features[2:-1])):
        x = graph.raised(f"up.{number}", x, skip, 2 ** (len(features) - 1 - number))
        maps.append(x)
    for heads, name, values in (
        ("class_heads", "logits", CLASSES),
        ("box_heads", "offsets", 4),
    ):
        parts = []
        for number, features_ in enumerate(maps):
            weights = (graph.parameters[f"{heads}.{number}.{kind}"] for kind in ("weight", "bias"))
            part = graph.convolution(features_, *weights)
            part = graph.node("Transpose", part, perm=(0, 2, 3, 1))
            parts.append(graph.node("Reshape", part, graph.numbers(0, -1, values)))
        # from fine to coarse, like the anchors
        graph.result(graph.node("Concat", *reversed(parts), axis=1), name, ("n", "anchors", values))
